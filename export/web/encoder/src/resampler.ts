/**
 * From any rate to any other, as the desktop does it: soxr's "HQ", a sinc under a Kaiser window that
 * passes 0.913 of the lower rate's Nyquist frequency and stops everything above it.
 *
 * soxr has one filter for ratios of small numbers, and halves the rate first where it is high. Other
 * ratios, such as that of 44.1 to 16 kHz, take an interpolation too, which lowers the highest
 * frequencies by a thousandth. Both are in the kernel here, so that samples agree to 1e-4.
 */
export class Resampler {
  private readonly up: number;
  private readonly down: number;
  private readonly half: number; // taps on either side of the middle one
  private readonly kernel: (fraction: number) => Float32Array;
  private readonly kernels = new Map<number, Float32Array>();
  private waiting: Float32Array; // begins with silence, as before the first sample
  private phase = 0;

  constructor(
    readonly fromHz: number,
    readonly toHz = 16_000,
  ) {
    for (const rate of [fromHz, toHz]) {
      if (!Number.isInteger(rate) || rate < MIN_HZ || rate > MAX_HZ) {
        throw new RangeError(`a rate of ${rate} Hz; expected a whole number from ${MIN_HZ} to ${MAX_HZ}`);
      }
    }
    const divisor = greatestDivisor(fromHz, toHz);
    this.up = toHz / divisor;
    this.down = fromHz / divisor;
    const design = designOf(this.up, this.down);
    const scale = Math.max(1, fromHz / toHz);
    this.half = fromHz === toHz ? 0 : Math.ceil((design.half + LIFT_REACH) * scale);
    this.kernel = (fraction) => kernelAt(fraction, this.half, scale, design);
    this.waiting = new Float32Array(this.half);
  }

  /** Any number of samples; returns what can be told by now. */
  push(pcm: Float32Array): Float32Array {
    if (this.fromHz === this.toHz) return pcm.slice();
    const input = new Float32Array(this.waiting.length + pcm.length);
    input.set(this.waiting);
    input.set(pcm, this.waiting.length);
    const found: number[] = [];
    let first = 0;
    while (first + 2 * this.half < input.length) {
      found.push(dot(input, first, this.kernelOf(this.phase)));
      this.phase += this.down;
      first += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    this.waiting = input.slice(first);
    return Float32Array.from(found);
  }

  /** The rest, as if silence followed. Another sound may be pushed afterwards. */
  flush(): Float32Array {
    const rest = this.push(new Float32Array(this.half));
    this.reset();
    return rest;
  }

  /** Forget all: what comes next is another sound. */
  reset(): void {
    this.waiting = new Float32Array(this.half);
    this.phase = 0;
  }

  private kernelOf(phase: number): Float32Array {
    const known = this.kernels.get(phase);
    if (known) return known;
    const made = this.kernel(phase / this.up);
    if (this.kernels.size < MOST_KERNELS) this.kernels.set(phase, made);
    return made;
  }
}

/** A whole recording, [samples], at another rate. */
export function resample(pcm: Float32Array, fromHz: number, toHz = 16_000): Float32Array {
  const resampler = new Resampler(fromHz, toHz);
  const [begin, end] = [resampler.push(pcm), resampler.flush()];
  const whole = new Float32Array(begin.length + end.length);
  whole.set(begin);
  whole.set(end, begin.length);
  return whole.subarray(0, Math.ceil((pcm.length * toHz) / fromHz));
}

interface Design {
  readonly half: number; // of the window, in samples of the lower rate
  readonly beta: number; // of the Kaiser window
  readonly droop: number; // at LIFT_AT
}

const MIN_HZ = 1_000;
const MAX_HZ = 384_000;
const MOST_KERNELS = 1_000;
const CUTOFF = 0.478435913; // of the lower rate: 6 dB down
const LARGEST_SIMPLE = 8; // above that, soxr interpolates
const DROOP = 1.04e-3;
const LIFT_AT = 0.45625; // of the lower rate
const LIFT_STEP = 0.1; // samples of the lower rate
const EIGHTH_DIFFERENCE = [1, -8, 28, -56, 70, -56, 28, -8, 1];
const LIFT_REACH = 4 * LIFT_STEP;
// One filter, and with another one or two before it, whose errors add up: each is made better then.
const STAGES = [
  { half: 96.5, beta: 13.04 },
  { half: 101.3, beta: 13.712 },
  { half: 104.5, beta: 14.105 },
] as const;
const INTERPOLATED = [
  { half: 101.6034, beta: 13.66626, droop: DROOP },
  { half: 104.9, beta: 14.06, droop: DROOP },
] as const;

function designOf(up: number, down: number): Design {
  const halvings = Math.max(0, Math.ceil(Math.log2(down / up / 4)));
  if (up > LARGEST_SIMPLE) return INTERPOLATED[Math.min(1, halvings)]!;
  const { half, beta } = STAGES[Math.min(2, halvings)]!;
  const factor = Math.max(up, down / 2 ** halvings);
  const taps = 4 * Math.ceil((half * factor) / 2) + 1; // always such a number
  return { half: taps / 2 / factor, beta, droop: 0 };
}

/** For a time `fraction` of an input sample behind the middle tap. */
function kernelAt(fraction: number, half: number, scale: number, design: Design): Float32Array {
  const lift = design.droop / (2 * Math.sin(Math.PI * LIFT_AT * LIFT_STEP)) ** 8;
  return Float32Array.from({ length: 2 * half + 1 }, (_, tap) => {
    const time = (tap - half - fraction) / scale; // in samples of the lower rate
    let value = windowedSinc(time, design);
    if (lift) {
      EIGHTH_DIFFERENCE.forEach((weight, i) => {
        value -= lift * weight * windowedSinc(time + (i - 4) * LIFT_STEP, design);
      });
    }
    return value / scale;
  });
}

function windowedSinc(time: number, { half, beta }: Design): number {
  const place = time / half;
  if (Math.abs(place) >= 1) return 0;
  const x = 2 * CUTOFF * Math.PI * time;
  const sinc = x === 0 ? 1 : Math.sin(x) / x;
  return (2 * CUTOFF * sinc * bessel(beta * Math.sqrt(1 - place * place))) / bessel(beta);
}

/** The modified Bessel function of order zero, by its series. */
function bessel(x: number): number {
  let [term, sum] = [1, 1];
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function dot(input: Float32Array, first: number, kernel: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < kernel.length; i++) sum += input[first + i]! * kernel[i]!;
  return sum;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
