import { type Comparison, comparisonOf } from "../encoder/src/comparison.js";
import { Prototypes, type Match } from "../encoder/src/prototypes.js";
import { Present, Teaching } from "../encoder/src/teaching.js";
import { History } from "./history.js";
import { Microphone } from "./microphone.js";
import type { Heard, Moment, Opened } from "./protocol.js";
import type { WorkerClient } from "./worker-client.js";

/** Microphone, encoder and taught sounds, independent of the elements of the page. */
export class Ear {
  readonly history: History;
  match: Match | null = null;
  scores: Moment["scores"] = {};
  level = 0;
  onHeard: () => void = () => undefined;
  onSounds: () => void = () => undefined;
  onStop: (problem: string) => void = () => undefined;
  readonly comparison: Comparison;
  private taught: Prototypes;
  private readonly present: Present;
  private teaching: Teaching | null = null;
  private microphone: Microphone | null = null;
  private starting = false;

  constructor(
    readonly opened: Opened,
    private readonly worker: WorkerClient,
    private readonly onUnplugged: () => void,
  ) {
    this.comparison = comparisonOf(opened.manifest.background, opened.background);
    this.taught = this.nothingTaught();
    this.present = new Present(moments(opened));
    const { frontend, sampleRateHz } = opened.manifest;
    this.history = new History(frontend.hopMs / 1000, opened.hopSamples / sampleRateHz);
    worker.onHeard = (heard) => this.hear(heard);
    worker.onFailed = (problem) => void this.stop().then(() => this.onStop(problem));
  }

  get sounds(): Prototypes {
    return this.taught;
  }

  set sounds(sounds: Prototypes) {
    this.taught = sounds;
    this.match = null;
    this.onSounds();
  }

  nothingTaught(): Prototypes {
    return new Prototypes(this.opened.artifact.sha256, undefined, undefined, this.comparison);
  }

  get listening(): boolean {
    return this.microphone !== null;
  }

  get isTeaching(): boolean {
    return this.teaching !== null;
  }

  /** Throws `MicrophoneError`. */
  async start(): Promise<void> {
    if (this.listening || this.starting) return;
    this.starting = true;
    try {
      const microphone = await Microphone.open(() => void this.stop().then(this.onUnplugged));
      this.present.reset(); // what was heard before the break is another sound
      const { port, sampleRateHz } = microphone;
      await this.worker.ask("listen", { port, sampleRateHz }, [port]);
      this.microphone = microphone;
    } finally {
      this.starting = false;
    }
  }

  async stop(): Promise<void> {
    const { microphone } = this;
    this.microphone = null;
    this.match = null;
    this.scores = {};
    this.level = 0;
    this.teaching = null; // the button may still be held, but there is nothing more to hear
    await microphone?.close();
  }

  beginTeaching(): void {
    this.teaching = new Teaching();
  }

  /** Returns an example of what was heard since `beginTeaching`, or null. */
  endTeaching(): Float32Array | null {
    const example = this.teaching?.example() ?? null;
    this.teaching = null;
    return example;
  }

  private hear({ level, logmel, moments }: Heard): void {
    if (!this.listening) return;
    this.level = level;
    this.history.addLevel(level);
    logmel.forEach((column) => this.history.logmel.add(column));
    for (const moment of moments) {
      this.history.addEmbedding(moment.vector);
      this.teaching?.add(moment.learned, moment.level);
      this.scores = moment.scores;
      this.match = this.taught.nearest(this.present.add(moment.learned, moment.level));
    }
    this.onHeard();
  }
}

/** Returns an example of a recording, the mean of its loud moments, or null if it has none. */
export function exampleOf(moments: readonly Moment[]): Float32Array | null {
  const teaching = new Teaching();
  for (const { learned, level } of moments) teaching.add(learned, level);
  return teaching.example();
}

function moments({ hopSamples, manifest }: Opened): number {
  return Math.max(1, Math.floor((Present.SECONDS * manifest.sampleRateHz) / hopSamples));
}
