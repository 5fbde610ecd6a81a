import { type Filter, filtersBetween } from "./filters.js";

const MIN_HZ = 1_000;
const MAX_HZ = 384_000;
const MOST_KERNELS = 1_000;

/**
 * Converts any rate to any other, as the desktop does (soxr's quality "HQ"): at 16 kHz, samples are
 * within 1e-5 of the desktop's for rates from 4 to 384 kHz, from the first one on.
 */
export class Resampler {
  private readonly stages: readonly Stage[];
  private readonly reach: number; // samples that an output depends on after its own time
  private taken = 0; // samples so far
  private given = 0;

  constructor(
    readonly fromHz: number,
    readonly toHz = 16_000,
  ) {
    for (const rate of [fromHz, toHz]) {
      if (!Number.isInteger(rate) || rate < MIN_HZ || rate > MAX_HZ) {
        throw new RangeError(`a rate of ${rate} Hz; expected a whole number from ${MIN_HZ} to ${MAX_HZ}`);
      }
    }
    const filters = filtersBetween(fromHz, toHz);
    this.stages = filters.map((filter) => new Stage(filter));
    let [reach, step] = [0, 1];
    for (const filter of filters) {
      reach += step * (filter.reach + 1);
      step *= filter.down / filter.up;
    }
    this.reach = Math.ceil(reach);
  }

  /** Takes any number of samples; returns those of the new rate that later ones can't change. */
  push(pcm: Float32Array): Float32Array {
    const found = this.stages.reduce((sound, stage) => stage.push(sound), pcm);
    this.taken += pcm.length;
    this.given += found.length;
    return found === pcm ? pcm.slice() : found;
  }

  /** Returns the rest, as if silence followed. Another sound may be pushed afterwards. */
  flush(): Float32Array {
    const rest = Math.round((this.taken * this.toHz) / this.fromHz) - this.given;
    const found = this.push(new Float32Array(this.reach)).subarray(0, rest);
    this.reset();
    return found;
  }

  /** Forgets what was pushed: another sound follows. */
  reset(): void {
    for (const stage of this.stages) stage.reset();
    this.taken = this.given = 0;
  }
}

/** Resamples a whole recording. */
export function resample(pcm: Float32Array, fromHz: number, toHz = 16_000): Float32Array {
  const resampler = new Resampler(fromHz, toHz);
  const [begin, end] = [resampler.push(pcm), resampler.flush()];
  const whole = new Float32Array(begin.length + end.length);
  whole.set(begin);
  whole.set(end, begin.length);
  return whole;
}

/** Applies a filter to a sound that comes in pieces of any size. */
class Stage {
  private readonly half: number; // taps on either side of the middle one
  private readonly kernels = new Map<number, Float32Array>(); // by phase
  private waiting: Float32Array; // begins with silence, as before the first sample
  private phase = 0;

  constructor(private readonly filter: Filter) {
    this.half = Math.ceil(filter.reach);
    this.waiting = new Float32Array(this.half);
  }

  push(pcm: Float32Array): Float32Array {
    const { up, down } = this.filter;
    const input = new Float32Array(this.waiting.length + pcm.length);
    input.set(this.waiting);
    input.set(pcm, this.waiting.length);
    const found = new Float32Array(Math.ceil((input.length * up) / down) + 1);
    let [first, count] = [0, 0];
    while (first + 2 * this.half < input.length) {
      found[count++] = dot(input, first, this.kernel());
      this.phase += down;
      first += Math.floor(this.phase / up);
      this.phase %= up;
    }
    this.waiting = input.slice(first);
    return found.slice(0, count);
  }

  reset(): void {
    this.waiting = new Float32Array(this.half);
    this.phase = 0;
  }

  private kernel(): Float32Array {
    const known = this.kernels.get(this.phase);
    if (known) return known;
    const place = this.half + this.phase / this.filter.up;
    const made = Float32Array.from({ length: 2 * this.half + 1 }, (_, tap) => this.filter.response(tap - place));
    if (this.kernels.size < MOST_KERNELS) this.kernels.set(this.phase, made);
    return made;
  }
}

function dot(input: Float32Array, first: number, kernel: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < kernel.length; i++) sum += input[first + i]! * kernel[i]!;
  return sum;
}
