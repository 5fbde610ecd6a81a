import type { BackgroundFile } from "./manifest.js";
import { dot, unit } from "./vectors.js";

const TINY = 1e-6;

/**
 * How embeddings are compared: by cosine distance, 0..2. `Background` also knows what all kinds of
 * sound are like. The same as in tiny_audio_ssl/embedding/comparison.py.
 */
export class Comparison {
  /** The largest distance of a known sound. Measured: benchmarks/results/few_shot.csv. */
  static readonly LIMIT = 0.18;

  constructor(readonly mostOfSecond: number = 0.8) {}

  /** An embedding as it is compared: of unit length. */
  cleaned(embedding: Float32Array): Float32Array {
    return unit(embedding);
  }

  /** What the distances of a cleaned embedding are divided by. */
  crowding(_cleaned: Float32Array): number {
    return 1;
  }
}

/**
 * Weakens the directions in which embeddings change within any recording, and divides distances by
 * the mean of those to the nearest of a background of sounds, over a scale.
 */
export class Background extends Comparison {
  private readonly directions: readonly Float32Array[]; // orthogonal
  private readonly sounds: readonly Float32Array[];

  /** Reads the bytes of the file that `about` describes. Throws `RangeError`: they are too few. */
  constructor(
    private readonly about: BackgroundFile,
    bytes: Uint8Array,
  ) {
    super(about.mostOfSecond);
    const { buffer, byteOffset } = bytes;
    const count = about.directions + about.sounds;
    const scales = new DataView(buffer, byteOffset, 4 * count);
    const rows = Array.from({ length: count }, (_, row) => {
      const steps = new Int8Array(buffer, byteOffset + 4 * count + row * about.dim, about.dim);
      return Float32Array.from(steps, (step) => step * scales.getFloat32(4 * row, true));
    });
    this.directions = rows.slice(0, about.directions);
    this.sounds = rows.slice(about.directions);
  }

  override cleaned(embedding: Float32Array): Float32Array {
    const left = embedding.slice();
    for (const row of this.directions) {
      const part = dot(row, embedding);
      row.forEach((value, i) => (left[i]! -= part * value));
    }
    return unit(left);
  }

  override crowding(cleaned: Float32Array): number {
    const distances = this.sounds.map((sound) => 1 - dot(cleaned, sound)).sort((a, b) => a - b);
    const nearest = distances.slice(0, this.about.nearest);
    const mean = nearest.reduce((sum, one) => sum + one, 0) / nearest.length;
    return Math.max(mean, TINY) / this.about.scale;
  }
}

/** How the embeddings of artifacts with a background, or without one, are compared. */
export function comparisonOf(about: BackgroundFile | null, bytes: Uint8Array | null): Comparison {
  return about && bytes ? new Background(about, bytes) : new Comparison();
}
