import { Comparison } from "./comparison.js";
import { dot, unit } from "./vectors.js";

/** The nearest taught sound. `known`: it is near enough, and no other one is almost as near. */
export interface Match {
  readonly name: string;
  readonly distance: number; // that of the comparison, 0 for the same direction
  readonly known: boolean;
}

/** A file of taught sounds that can't be used, and why. */
export class SoundsError extends Error {
  override readonly name = "SoundsError";

  constructor(readonly reason: "damaged" | "other-encoder") {
    super(
      reason === "damaged"
        ? "not a file of taught sounds, or one of another format"
        : "taught to another encoder, whose embeddings can't be compared with these",
    );
  }
}

type Examples = ReadonlyMap<string, readonly Float32Array[]>; // of unit length

/**
 * Sounds taught by a few examples each: the nearest mean wins (Snell et al. 2017, arXiv 1703.05175,
 * equation 1), by the distance of a comparison. Embeddings are the learned parts of what one artifact
 * gives; the artifact is named by its SHA-256.
 *
 * The rule and its constants are those of tiny_audio_ssl/embedding/taught_sounds.py and of the Android
 * app (`Prototypes.kt`), which also reads and writes the same JSON. Immutable.
 */
export class Prototypes {
  static readonly MAX_NAME = 40;
  private static readonly FORMAT = 2; // 1 held whole embeddings
  private readonly means: ReadonlyMap<string, Float32Array>;

  constructor(
    readonly artifactSha256: string,
    readonly threshold: number = Comparison.LIMIT,
    private readonly examples: Examples = new Map(),
    private readonly comparison: Comparison = new Comparison(),
  ) {
    const mean = (vectors: readonly Float32Array[]) => unit(sum(vectors.map((one) => comparison.cleaned(one))));
    this.means = new Map([...examples].map(([name, vectors]) => [name, mean(vectors)]));
  }

  /** Names in the order in which they were taught, with the number of their examples. */
  get counts(): ReadonlyMap<string, number> {
    return new Map([...this.examples].map(([name, vectors]) => [name, vectors.length]));
  }

  /** Adds an example of `name`. Throws `RangeError`: no name, NaN or infinity, another size. */
  taught(name: string, embedding: Float32Array): Prototypes {
    if (!embedding.every(Number.isFinite)) throw new RangeError("an embedding with NaN or infinity");
    const size = [...this.means.values()][0]?.length ?? embedding.length;
    if (embedding.length !== size) throw new RangeError(`${embedding.length} numbers; expected ${size}`);
    const key = clean(name);
    return this.with(new Map([...this.examples, [key, [...this.of(key), unit(embedding)]]]));
  }

  /** Renames a sound; if the new name is taken, the examples of both are joined. */
  renamed(before: string, after: string): Prototypes {
    const key = clean(after);
    if (key === before) return this;
    const moved = [...this.of(key), ...this.of(before)];
    return this.with(new Map([...this.without(before).examples, [key, moved]]));
  }

  without(name: string): Prototypes {
    return this.with(new Map([...this.examples].filter(([other]) => other !== name)));
  }

  withThreshold(threshold: number): Prototypes {
    return this.with(this.examples, Math.min(2, Math.max(0, threshold)));
  }

  /** Adds the sounds of another list; examples under the same name are joined. */
  joined(other: Prototypes): Prototypes {
    const all = new Map(this.examples);
    for (const [name, vectors] of other.examples) all.set(name, [...this.of(name), ...vectors]);
    return this.with(all);
  }

  /** Returns null as long as nothing was taught. */
  nearest(embedding: Float32Array): Match | null {
    const there = this.comparison.cleaned(embedding);
    const crowding = this.comparison.crowding(there);
    const found = [...this.means]
      .map(([name, mean]) => ({ name, distance: (1 - dot(there, mean)) / crowding }))
      .sort((a, b) => a.distance - b.distance);
    const [best, second] = found;
    if (!best) return null;
    const clear = best.distance <= this.comparison.mostOfSecond * (second?.distance ?? Infinity);
    return { ...best, known: best.distance <= this.threshold && clear };
  }

  toJson(): string {
    const sounds = [...this.examples].map(([name, vectors]) => [name, vectors.map(rounded)]);
    return JSON.stringify({
      format: Prototypes.FORMAT,
      artifact_sha256: this.artifactSha256,
      threshold: this.threshold,
      sounds: Object.fromEntries(sounds),
    });
  }

  /**
   * Reads what `toJson` or the Android app wrote, for an artifact whose embeddings have `learnedDim`
   * learned numbers. Throws `SoundsError`.
   */
  static fromJson(
    text: string,
    artifactSha256: string,
    learnedDim: number,
    comparison = new Comparison(),
  ): Prototypes {
    try {
      const { sha256, threshold, examples } = parsed(JSON.parse(text), Prototypes.FORMAT);
      if (sha256 !== artifactSha256) throw new SoundsError("other-encoder");
      if ([...examples.values()].flat().some(({ length }) => length !== learnedDim)) throw new TypeError();
      return new Prototypes(sha256, threshold, examples, comparison);
    } catch (error) {
      throw error instanceof SoundsError ? error : new SoundsError("damaged");
    }
  }

  private of(name: string): readonly Float32Array[] {
    return this.examples.get(name) ?? [];
  }

  private with(examples: Examples, threshold = this.threshold): Prototypes {
    return new Prototypes(this.artifactSha256, threshold, examples, this.comparison);
  }
}

/** Throws an error of any kind if the content is not what `toJson` writes. */
function parsed(content: Record<string, unknown>, format: number): { sha256: string; threshold: number; examples: Examples } {
  const { artifact_sha256: sha256, threshold, sounds } = content;
  if (content.format !== format || typeof sha256 !== "string") throw new TypeError();
  if (typeof sounds !== "object" || !sounds || Array.isArray(sounds)) throw new TypeError();
  const examples = new Map<string, Float32Array[]>();
  for (const [name, rows] of Object.entries(sounds)) {
    const vectors = (rows as unknown[][]).map((row) => unit(Float32Array.from(row, finite)));
    if (vectors.length) examples.set(clean(name), vectors);
  }
  return { sha256, threshold: Math.min(2, Math.max(0, finite(threshold))), examples };
}

function finite(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError();
  return value;
}

/** Removes superfluous spaces, and cuts to `MAX_NAME` characters, of any number of bytes. */
function clean(name: string): string {
  const words = name.replace(/\s+/g, " ").trim();
  const key = [...words].slice(0, Prototypes.MAX_NAME).join("").trim();
  if (!key) throw new RangeError("a sound needs a name");
  return key;
}

function sum(vectors: readonly Float32Array[]): Float32Array {
  const total = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) vector.forEach((value, i) => (total[i]! += value));
  return Float32Array.from(total);
}

/** Keeps as many digits as float32 needs. */
function rounded(vector: Float32Array): number[] {
  return Array.from(vector, (value) => Number(value.toPrecision(9)));
}
