import { Scene } from "./drawing.js";
import type { Ear } from "./ear.js";
import { askName } from "./dialogs.js";
import { byId, make, say, showProblem } from "./elements.js";
import { MicrophoneError } from "./microphone.js";
import { decimal, text } from "./texts/index.js";

const [HOLD_KEYS, TEACH_MS, MOST_SCORES] = [[" ", "Enter"], 2_000, 5];

/** The part of the page that listens: the nearest sound, the pictures, and two buttons. */
export class ListenView {
  private readonly button = byId("microphone", HTMLButtonElement);
  private readonly teach = byId("teach", HTMLButtonElement);
  private readonly scene: Scene;
  private wanted = false; // whether the user wants to listen, also while the page is hidden

  constructor(private readonly ear: Ear) {
    const canvas = (id: string) => byId(id, HTMLCanvasElement);
    const { bands } = ear.opened.manifest.frontend;
    this.scene = new Scene(ear.history, canvas("level"), canvas("logmel"), canvas("embedding"), bands);
    ear.onHeard = () => this.show();
    ear.onStop = (problem) => this.stopped(() => text("listening_failed", problem));
    this.button.addEventListener("click", () => void this.toggle());
    this.connectTeaching();
    document.addEventListener("visibilitychange", () => void this.visibilityChanged());
    this.button.disabled = this.teach.disabled = false;
  }

  /** Shows everything in the chosen language. */
  show(): void {
    const { listening, match, sounds, level } = this.ear;
    this.button.setAttribute("aria-pressed", String(listening));
    this.button.setAttribute("aria-label", text(listening ? "stop" : "listen"));
    this.button.style.setProperty("--loud", String(Math.min(1, 4 * level)));
    this.teach.textContent = text(this.ear.isTeaching ? "teaching" : "teach");
    const { file } = this.ear.opened.artifact;
    setText("status", text(listening ? "listening_with" : "ready_with", file));
    setText("title", this.title());
    const limit = decimal(sounds.threshold, 2);
    setText("detail", match ? text("distance", decimal(match.distance, 2), limit) : text("private"));
    const bar = byId("bar", HTMLDivElement);
    bar.parentElement!.classList.toggle("unknown", Boolean(match && !match.known));
    // The limit is in the middle of the bar.
    const closeness = match ? Math.min(1, Math.max(0.02, 1 - match.distance / (2 * sounds.threshold + 1e-6))) : 0;
    bar.querySelector("span")!.style.width = `${100 * closeness}%`;
    this.showScores();
    this.scene.show();
  }

  /** Shows why listening has stopped by itself. */
  stopped(problem: () => string): void {
    this.wanted = false;
    showProblem(problem);
    this.show();
  }

  private title(): string {
    const { listening, match, sounds } = this.ear;
    if (!listening) return text("silent");
    if (!sounds.counts.size) return text("nothing_taught");
    if (!match) return text("hearing");
    return match.known ? match.name : text("unknown");
  }

  private showScores(): void {
    const { artifact } = this.ear.opened;
    const place = byId("scores", HTMLDivElement);
    const rows = artifact.heads.flatMap(({ name, labels }) => {
      const scores = Array.from(this.ear.scores[name] ?? [], (score, i) => ({ score, label: labels[i] ?? "" }));
      return scores.sort((a, b) => b.score - a.score).slice(0, MOST_SCORES);
    });
    place.hidden = !rows.length;
    place.querySelector("dl")!.replaceChildren(...rows.flatMap(scoreRow));
  }

  private async toggle(): Promise<void> {
    this.wanted = !this.ear.listening;
    if (this.wanted) await this.start();
    else await this.ear.stop();
    this.show();
  }

  private async start(): Promise<void> {
    showProblem(null);
    try {
      await this.ear.start();
      if (document.hidden) await this.ear.stop(); // hidden while the user was being asked
    } catch (error) {
      this.wanted = false;
      if (!(error instanceof MicrophoneError)) throw error;
      showProblem(() => text(`microphone_${error.problem}`, error.message));
    }
  }

  /** A hidden page does not listen. */
  private async visibilityChanged(): Promise<void> {
    if (document.hidden) await this.ear.stop();
    else if (this.wanted) await this.start();
    this.show();
  }

  private connectTeaching(): void {
    const { teach } = this;
    teach.addEventListener("pointerdown", (event) => {
      teach.setPointerCapture(event.pointerId);
      this.begin();
    });
    teach.addEventListener("pointerup", () => void this.end());
    teach.addEventListener("pointercancel", () => this.cancel());
    teach.addEventListener("contextmenu", (event) => event.preventDefault()); // of a long press
    teach.addEventListener("keydown", (event) => {
      if (HOLD_KEYS.includes(event.key) && !event.repeat) this.begin();
      if (HOLD_KEYS.includes(event.key)) event.preventDefault(); // no click
    });
    teach.addEventListener("keyup", (event) => {
      if (HOLD_KEYS.includes(event.key)) void this.end();
    });
    teach.addEventListener("blur", () => this.cancel());
    teach.addEventListener("click", (event) => {
      if (event.detail) return; // by a pointer, which has held the button
      this.begin(); // by a screen reader, which can't hold it
      setTimeout(() => void this.end(), TEACH_MS);
    });
  }

  private begin(): void {
    this.ear.beginTeaching();
    this.teach.classList.add("held");
    this.show();
  }

  private cancel(): void {
    this.ear.endTeaching();
    this.teach.classList.remove("held");
    this.show();
  }

  private async end(): Promise<void> {
    if (!this.ear.isTeaching) return;
    const example = this.ear.endTeaching();
    this.cancel();
    if (!example) return say(text("nothing_heard"));
    const name = await askName("name_sound", "", this.ear.sounds.counts.keys());
    if (name) this.ear.sounds = this.ear.sounds.taught(name, example);
  }
}

function scoreRow({ score, label }: { score: number; label: string }): HTMLElement[] {
  const bar = make("span");
  bar.style.width = `${100 * score}%`;
  return [make("dt", {}, label), make("dd", { class: "score" }, bar), make("dd", {}, decimal(score, 2))];
}

/** Sets a text only if it changes, because screen readers read it again. */
function setText(id: string, value: string): void {
  const place = byId(id, HTMLParagraphElement);
  if (place.textContent !== value) place.textContent = value;
}
