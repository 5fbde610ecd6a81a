import type { LogMel } from "../../encoder/src/logmel.js";
import { Resampler } from "../../encoder/src/resampler.js";
import { rms } from "../../encoder/src/vectors.js";
import type { FromWorker } from "../protocol.js";
import type { Moments } from "./moments.js";

const LONGEST_BACKLOG_S = 3;

/** Listens to the sound that arrives at a port until it is closed, and posts what was heard. */
export class Listening {
  private readonly resampler: Resampler;
  private waiting: Float32Array[] = [];
  private busy = false;
  private ended = false;

  constructor(
    private readonly port: MessagePort,
    private readonly sampleRateHz: number,
    private readonly moments: Moments,
    private readonly logmel: LogMel,
    private readonly post: (message: FromWorker) => void,
  ) {
    this.resampler = new Resampler(sampleRateHz);
    port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
      this.waiting.push(data);
      if (!this.busy) void this.work();
    };
  }

  end(): void {
    this.ended = true;
    this.port.close();
  }

  private async work(): Promise<void> {
    this.busy = true;
    try {
      while (this.waiting.length && !this.ended) {
        if (this.isBehind()) await this.catchUp();
        await this.hear(this.waiting.shift()!);
      }
    } catch (error) {
      this.end();
      this.post({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
    }
    this.busy = false;
  }

  private async hear(sound: Float32Array): Promise<void> {
    const pcm = this.resampler.push(sound);
    const found = await this.moments.push(pcm);
    if (!this.ended) {
      this.post({ kind: "heard", heard: { level: rms(pcm), logmel: this.logmel.push(pcm), moments: found } });
    }
  }

  private isBehind(): boolean {
    const samples = this.waiting.reduce((sum, one) => sum + one.length, 0);
    return samples > LONGEST_BACKLOG_S * this.sampleRateHz;
  }

  /** Skips what is too old, and starts anew with the latest piece. */
  private async catchUp(): Promise<void> {
    this.waiting = this.waiting.slice(-1);
    this.resampler.reset();
    this.logmel.reset();
    await this.moments.reset();
    this.post({ kind: "behind" });
  }
}
