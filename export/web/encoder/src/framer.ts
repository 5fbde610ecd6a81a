/** A window of sound, and where it ends, in samples since the last reset. */
export interface Frame {
  readonly samples: Float32Array;
  readonly end: number;
}

/** Cuts sound that comes in pieces of any size into windows, one every hop. */
export class Framer {
  private waiting = new Float32Array(0);
  private skip = 0; // samples to leave out before the next window, if a hop is longer than a window
  private start = 0; // of `waiting`

  constructor(
    readonly windowSamples: number,
    readonly hopSamples: number,
  ) {
    if (!(windowSamples > 0 && hopSamples > 0)) {
      throw new RangeError(`a window of ${windowSamples} and a hop of ${hopSamples} samples; expected more than 0`);
    }
  }

  push(pcm: Float32Array): Frame[] {
    const input = new Float32Array(this.waiting.length + pcm.length);
    input.set(this.waiting);
    input.set(pcm, this.waiting.length);
    const frames: Frame[] = [];
    let at = Math.min(this.skip, input.length);
    this.skip -= at;
    while (this.skip === 0 && at + this.windowSamples <= input.length) {
      const end = this.start + at + this.windowSamples;
      frames.push({ samples: input.slice(at, at + this.windowSamples), end });
      this.skip = Math.max(0, at + this.hopSamples - input.length);
      at = Math.min(at + this.hopSamples, input.length);
    }
    this.waiting = input.slice(at);
    this.start += at;
    return frames;
  }

  reset(): void {
    this.waiting = new Float32Array(0);
    this.skip = 0;
    this.start = 0;
  }
}
