interface Moment {
  readonly embedding: Float32Array;
  readonly level: number;
}

/**
 * One example of a sound: the mean of the embeddings that were heard during it. Those at less than half
 * the loudest level are left out, because they are of the surroundings.
 */
export class Teaching {
  static readonly LOUD = 0.5;
  private readonly heard: Moment[] = [];

  /** `level`: root mean square, 0..1. */
  add(embedding: Float32Array, level: number): void {
    this.heard.push({ embedding, level });
  }

  /** Returns null if nothing was heard. */
  example(): Float32Array | null {
    if (!this.heard.length) return null;
    const loudest = Math.max(...this.heard.map(({ level }) => level));
    const kept = this.heard.filter(({ level }) => level >= Teaching.LOUD * loudest);
    return mean(kept.map(({ embedding }) => ({ embedding, level: 1 })));
  }
}

/**
 * What is heard now: the mean of the embeddings of the last moments, because a single one changes from
 * moment to moment. Each is weighted by its level, because quiet ones are of the surroundings.
 */
export class Present {
  static readonly SECONDS = 2;
  private heard: Moment[] = [];

  constructor(private readonly moments: number) {}

  /** Returns the mean, with `embedding` as its newest moment. */
  add(embedding: Float32Array, level: number): Float32Array {
    this.heard = [...this.heard, { embedding, level: Math.max(level, SILENCE) }].slice(-this.moments);
    return mean(this.heard);
  }

  /** Forgets what was heard: another sound follows. */
  reset(): void {
    this.heard = [];
  }
}

const SILENCE = 1e-6; // keeps the weights of digital silence above zero

function mean(moments: readonly Moment[]): Float32Array {
  const total = new Float64Array(moments[0]!.embedding.length);
  let weight = 0;
  for (const { embedding, level } of moments) {
    for (let i = 0; i < total.length; i++) total[i]! += level * embedding[i]!;
    weight += level;
  }
  return Float32Array.from(total, (value) => value / weight);
}
