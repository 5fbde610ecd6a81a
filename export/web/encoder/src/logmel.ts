import type { FrontendSettings } from "./manifest.js";

const LOG_OFFSET = 1e-6;

/**
 * The log-mel of tiny_audio_ssl/models/frontend.py, before its normalization, to be shown. (Artifacts
 * contain their own.) Samples in, columns of `bands` natural logarithms out.
 */
export class LogMel {
  private readonly window: number;
  private readonly hop: number;
  private readonly size: number; // of the Fourier transform
  private readonly hann: Float64Array;
  private readonly filters: readonly Filter[];
  private readonly rotations: Rotations;
  private waiting = new Float32Array(0);

  constructor(settings: FrontendSettings, sampleRateHz = 16_000) {
    this.window = Math.round((settings.windowMs * sampleRateHz) / 1000);
    this.hop = Math.round((settings.hopMs * sampleRateHz) / 1000);
    this.size = 2 ** Math.ceil(Math.log2(this.window));
    this.hann = Float64Array.from(
      { length: this.window },
      (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / this.window),
    );
    this.filters = melFilters(settings, sampleRateHz, this.size);
    this.rotations = rotationsOf(this.size);
  }

  /** Takes any number of samples; returns a column for every frame that they complete. */
  push(pcm: Float32Array): Float32Array[] {
    const input = new Float32Array(this.waiting.length + pcm.length);
    input.set(this.waiting);
    input.set(pcm, this.waiting.length);
    const columns: Float32Array[] = [];
    let at = 0;
    for (; at + this.window <= input.length; at += this.hop) columns.push(this.column(input.subarray(at)));
    this.waiting = input.slice(at);
    return columns;
  }

  reset(): void {
    this.waiting = new Float32Array(0);
  }

  private column(samples: Float32Array): Float32Array {
    const real = new Float64Array(this.size);
    const imaginary = new Float64Array(this.size);
    for (let n = 0; n < this.window; n++) real[n] = samples[n]! * this.hann[n]!;
    transform(real, imaginary, this.rotations);
    return Float32Array.from(this.filters, ({ first, weights }) => {
      let power = 0;
      weights.forEach((weight, i) => (power += weight * (real[first + i]! ** 2 + imaginary[first + i]! ** 2)));
      return Math.log(power + LOG_OFFSET);
    });
  }
}

interface Filter {
  readonly first: number; // bin of the first weight
  readonly weights: readonly number[];
}

/** Triangles on the HTK mel scale, peak 1. */
function melFilters(settings: FrontendSettings, sampleRateHz: number, size: number): Filter[] {
  const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
  const [low, high] = [mel(settings.minHz), mel(settings.maxHz)];
  const edge = (i: number) => 700 * (10 ** ((low + ((high - low) * i) / (settings.bands + 1)) / 2595) - 1);
  const bins = Array.from({ length: size / 2 + 1 }, (_, i) => (i * sampleRateHz) / size);
  return Array.from({ length: settings.bands }, (_, band) => {
    const [from, peak, to] = [edge(band), edge(band + 1), edge(band + 2)];
    const all = bins.map((hz) => Math.max(0, Math.min((hz - from) / (peak - from), (to - hz) / (to - peak))));
    const first = Math.max(0, all.findIndex((weight) => weight > 0));
    const end = all.findLastIndex((weight) => weight > 0) + 1;
    return { first, weights: all.slice(first, end) };
  });
}

interface Rotations {
  readonly cosines: Float64Array;
  readonly sines: Float64Array;
}

function rotationsOf(size: number): Rotations {
  const angle = (k: number) => (-2 * Math.PI * k) / size;
  return {
    cosines: Float64Array.from({ length: size / 2 }, (_, k) => Math.cos(angle(k))),
    sines: Float64Array.from({ length: size / 2 }, (_, k) => Math.sin(angle(k))),
  };
}

/** The Fourier transform in place (Cooley and Tukey 1965, radix 2). */
function transform(real: Float64Array, imaginary: Float64Array, { cosines, sines }: Rotations): void {
  const size = real.length;
  reverseBits(real);
  for (let half = 1; half < size; half *= 2) {
    const stride = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let k = 0; k < half; k++) {
        const [a, b] = [start + k, start + k + half];
        const [c, s] = [cosines[k * stride]!, sines[k * stride]!];
        const re = real[b]! * c - imaginary[b]! * s;
        const im = real[b]! * s + imaginary[b]! * c;
        real[b] = real[a]! - re;
        imaginary[b] = imaginary[a]! - im;
        real[a]! += re;
        imaginary[a]! += im;
      }
    }
  }
}

function reverseBits(values: Float64Array): void {
  let reversed = 0;
  for (let i = 1; i < values.length; i++) {
    let bit = values.length >> 1;
    for (; reversed & bit; bit >>= 1) reversed ^= bit;
    reversed ^= bit;
    if (i < reversed) [values[i], values[reversed]] = [values[reversed]!, values[i]!];
  }
}
