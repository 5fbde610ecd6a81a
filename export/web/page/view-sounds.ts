import { Prototypes, SoundsError } from "../encoder/src/prototypes.js";
import { askName } from "./dialogs.js";
import type { Ear } from "./ear.js";
import { byId, download, iconButton, make, say } from "./elements.js";
import { forget, recall, remember } from "./storage.js";
import { currentLanguage, decimal, text } from "./texts/index.js";

const PEN = "M4 20h4L19 9l-4-4L4 16z";
const BIN = "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13";

/** The list of taught sounds, and what stays on the device. */
export class SoundsView {
  private readonly threshold = byId("threshold", HTMLInputElement);
  private readonly keep = byId("remember", HTMLInputElement);
  private readonly exporting = byId("export", HTMLButtonElement);
  private readonly importing = byId("import", HTMLInputElement);

  constructor(
    private readonly ear: Ear,
    private readonly onChange: () => void,
  ) {
    this.restore();
    ear.onSounds = () => this.changed();
    this.threshold.addEventListener("input", () => {
      ear.sounds = ear.sounds.withThreshold(this.threshold.valueAsNumber / 100);
    });
    this.exporting.addEventListener("click", () => download("sounds.json", ear.sounds.toJson(), "application/json"));
    this.importing.addEventListener("change", () => void this.import());
    this.keep.addEventListener("change", () => (this.keep.checked ? this.store() : forget()));
    for (const field of [this.threshold, this.keep, this.importing]) field.disabled = false;
  }

  show(): void {
    const { sounds } = this.ear;
    byId("no-sounds", HTMLParagraphElement).hidden = sounds.counts.size > 0;
    byId("list", HTMLUListElement).replaceChildren(
      ...[...sounds.counts].map(([name, count]) => this.row(name, count)),
    );
    byId("threshold-label", HTMLLabelElement).textContent = text("threshold", decimal(sounds.threshold, 2));
    this.threshold.value = String(Math.round(100 * sounds.threshold));
    this.exporting.disabled = !sounds.counts.size;
  }

  /** Stores the sounds and the language, if the user wants them remembered. */
  store(): void {
    if (!this.keep.checked) return;
    const kept = remember({ sounds: this.ear.sounds.toJson(), language: currentLanguage() });
    if (kept) return;
    this.keep.checked = false;
    forget();
    say(text("not_stored"));
  }

  /** Reads a file that this page or the Android app wrote. */
  async read(file: Blob): Promise<void> {
    try {
      const read = this.parse(await file.text());
      this.ear.sounds = this.ear.sounds.joined(read).withThreshold(read.threshold);
      say(text("imported", read.counts.size));
    } catch (error) {
      if (!(error instanceof SoundsError)) throw error;
      say(text(error.reason === "damaged" ? "import_damaged" : "import_other"));
    }
  }

  /** Forgets all sounds. */
  clear(): void {
    this.keep.checked = false;
    this.ear.sounds = this.ear.nothingTaught();
  }

  private parse(text: string): Prototypes {
    const { sha256, learnedDim } = this.ear.opened.artifact;
    return Prototypes.fromJson(text, sha256, learnedDim, this.ear.comparison);
  }

  private row(name: string, count: number): HTMLLIElement {
    const examples = count === 1 ? text("example_one") : text("examples", count);
    return make(
      "li",
      {},
      make("span", { class: "name" }, name, make("small", {}, examples)),
      iconButton(text("rename", name), PEN, () => void this.rename(name)),
      iconButton(text("delete", name), BIN, () => (this.ear.sounds = this.ear.sounds.without(name))),
    );
  }

  private async rename(name: string): Promise<void> {
    const chosen = await askName("rename_title", name, []);
    if (chosen) this.ear.sounds = this.ear.sounds.renamed(name, chosen);
  }

  private async import(): Promise<void> {
    const file = this.importing.files?.[0];
    if (file) await this.read(file);
    this.importing.value = "";
  }

  private restore(): void {
    const remembered = recall();
    this.keep.checked = remembered !== null;
    if (!remembered) return;
    try {
      this.ear.sounds = this.parse(remembered.sounds);
    } catch {
      say(text("other_stored"));
    }
  }

  private changed(): void {
    this.store();
    this.show();
    this.onChange();
  }
}
