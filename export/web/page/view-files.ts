import { askName } from "./dialogs.js";
import { type Ear, exampleOf } from "./ear.js";
import { byId, download, iconButton, make, say } from "./elements.js";
import { npy } from "./npy.js";
import type { Moment } from "./protocol.js";
import { readSound } from "./sound-file.js";
import { decimal, text } from "./texts/index.js";
import type { WorkerClient } from "./worker-client.js";

const PLUS = "M12 5v14M5 12h14";
const ARROW = "M12 4v11m-4.5-4 4.5 4 4.5-4M5 20h14";

interface Found {
  readonly name: string;
  readonly seconds: number;
  readonly moments: readonly Moment[];
  readonly example: Float32Array;
}

/** Recordings that were dropped on the page or chosen. */
export class FilesView {
  private readonly found: Found[] = [];

  constructor(
    private readonly ear: Ear,
    private readonly worker: WorkerClient,
    private readonly onJson: (file: File) => Promise<void>,
  ) {
    const choose = byId("choose", HTMLInputElement);
    choose.disabled = false;
    choose.addEventListener("change", () => {
      void this.take([...(choose.files ?? [])]);
      choose.value = "";
    });
    this.connectDrop();
  }

  show(): void {
    byId("found", HTMLUListElement).replaceChildren(...this.found.map((one) => this.row(one)));
  }

  async take(files: readonly File[]): Promise<void> {
    for (const file of files) {
      if (file.name.endsWith(".json")) await this.onJson(file);
      else await this.embed(file);
    }
  }

  private async embed(file: File): Promise<void> {
    say(text("embedding_file", file.name));
    try {
      const { pcm, sampleRateHz } = await readSound(file);
      const seconds = pcm.length / sampleRateHz;
      const moments = await this.worker.ask("embed", { pcm, sampleRateHz }, [pcm.buffer]);
      const example = exampleOf(moments);
      if (!example) return say(text("file_short", file.name, decimal(seconds, 2), decimal(this.shortest(), 2)));
      this.found.unshift({ name: file.name, seconds, moments, example });
      say("");
      this.show();
    } catch (error) {
      say(text("file_refused", file.name, error instanceof Error ? error.message : String(error)));
    }
  }

  /** Seconds of the shortest sound that has an embedding. */
  private shortest(): number {
    const { hopSamples, manifest } = this.ear.opened;
    return hopSamples / manifest.sampleRateHz;
  }

  private row({ name, seconds, moments, example }: Found): HTMLLIElement {
    const match = this.ear.sounds.nearest(example);
    const nearest = match && text("nearest", match.known ? match.name : text("unknown"), decimal(match.distance, 2));
    const said = moments.length === 1 ? "file_summary_one" : "file_summary";
    const summary = text(said, decimal(seconds, 1), moments.length);
    return make(
      "li",
      {},
      make("span", { class: "name" }, name, make("small", {}, nearest ? `${nearest} · ${summary}` : summary)),
      iconButton(text("teach_file", name), PLUS, () => void this.teach(example)),
      iconButton(text("save_embeddings", name), ARROW, () => {
        download(`${name}.npy`, npy(moments.map(({ vector }) => vector)), "application/octet-stream");
      }),
    );
  }

  private async teach(example: Float32Array): Promise<void> {
    const name = await askName("name_sound", "", this.ear.sounds.counts.keys());
    if (name) this.ear.sounds = this.ear.sounds.taught(name, example);
  }

  private connectDrop(): void {
    const frame = byId("drop", HTMLDivElement);
    const show = (event: DragEvent, on: boolean) => {
      event.preventDefault(); // or the browser would open the file
      frame.hidden = !on;
    };
    addEventListener("dragover", (event) => show(event, true));
    addEventListener("dragleave", (event) => show(event, event.relatedTarget !== null));
    addEventListener("drop", (event) => {
      show(event, false);
      void this.take([...(event.dataTransfer?.files ?? [])]);
    });
  }
}
