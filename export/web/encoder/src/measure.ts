import type * as ort from "onnxruntime-web/wasm";
import { Tensor } from "onnxruntime-web/wasm";
import { openSession, silence, type OpenOptions } from "./encoder.js";
import type { Artifact } from "./manifest.js";
import { percentile, slowdown } from "./statistics.js";

export interface TimingOptions extends OpenOptions {
  readonly runs?: number; // timed runs of each artifact
  readonly rounds?: number; // over which they are spread; within each, all artifacts take turns
  readonly warmUp?: number; // runs that do not count
  readonly onProgress?: (share: number) => void; // 0..1
}

/** The times of one artifact in milliseconds, for one window or packet. */
export interface Timing {
  readonly artifact: Artifact;
  readonly loadMs: number; // median of several, with the runtime already loaded
  readonly firstMs: number;
  readonly roundsMs: readonly (readonly number[])[];
  /** The median of the last tenth of the runs divided by that of the first. */
  readonly slowdown: number;
}

const LOADS = 5;

/** Times artifacts, each given with the bytes of its file, by the method of `tiny-audio-ssl bench`. */
export async function measure(
  artifacts: readonly (readonly [Artifact, Uint8Array])[],
  { runs = 200, rounds = 10, warmUp = 20, onProgress = () => undefined, ...options }: TimingOptions = {},
): Promise<Timing[]> {
  const opened = [];
  for (const [artifact, bytes] of artifacts) opened.push(await Opened.open(artifact, bytes, options));
  const each = Math.ceil(runs / rounds);
  for (let round = 0; round < rounds; round++) {
    const idle = round === 0 ? warmUp : 0;
    opened.forEach((one) => one.roundsMs.push([]));
    for (let turn = 0; turn < idle + each; turn++) {
      for (const one of opened) {
        const took = await one.step();
        if (turn >= idle) one.roundsMs.at(-1)!.push(took);
      }
    }
    onProgress((round + 1) / rounds);
    await new Promise((resolve) => setTimeout(resolve)); // lets messages through
  }
  for (const one of opened) await one.session.release();
  return opened.map((one) => one.timing());
}

class Opened {
  readonly roundsMs: number[][] = [];
  private readonly feeds: Record<string, ort.Tensor>;
  private firstMs = 0;

  private constructor(
    private readonly artifact: Artifact,
    readonly session: ort.InferenceSession,
    private readonly loadMs: number,
  ) {
    const size = artifact.inputShape.reduce((product, length) => product * length, 1);
    this.feeds = { [artifact.inputName]: new Tensor("float32", noise(size), [...artifact.inputShape]), ...silence(artifact) };
  }

  static async open(artifact: Artifact, bytes: Uint8Array, options: OpenOptions): Promise<Opened> {
    const before = await openSession(bytes, options); // the first one pays what a page pays only once
    await new Opened(artifact, before, 0).step();
    await before.release();
    const loadsMs = [];
    let session: ort.InferenceSession | undefined;
    for (let load = 0; load < LOADS; load++) {
      await session?.release();
      const began = performance.now();
      session = await openSession(bytes, options);
      loadsMs.push(performance.now() - began);
    }
    const opened = new Opened(artifact, session!, percentile(loadsMs, 50));
    opened.firstMs = await opened.step();
    return opened;
  }

  /** Returns the milliseconds that a run took. */
  async step(): Promise<number> {
    const began = performance.now();
    const outputs = await this.session.run(this.feeds);
    const took = performance.now() - began;
    for (const { input, output } of this.artifact.state) this.feeds[input] = outputs[output]!;
    return took;
  }

  timing(): Timing {
    return {
      artifact: this.artifact,
      loadMs: this.loadMs,
      firstMs: this.firstMs,
      roundsMs: this.roundsMs,
      slowdown: slowdown(this.roundsMs.flat()),
    };
  }
}

function noise(size: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 0.2 * (state / 2 ** 32 - 0.5);
  });
}
