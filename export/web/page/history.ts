import { PIECE_S } from "./protocol.js";

/**
 * The last levels, log-mel columns and embeddings, as they are shown. An embedding is a column of
 * `BINS` numbers in -1..1: means of neighboring dimensions, each scaled by its own mean and deviation so
 * far, as in the Android app.
 */
export class History {
  static readonly BINS = 48;
  readonly levels = new Ring<number>(SECONDS / PIECE_S);
  readonly logmel: Ring<Float32Array>;
  readonly embeddings: Ring<Float32Array>;
  private readonly mean = new Float32Array(History.BINS);
  private readonly deviation = new Float32Array(History.BINS);
  private count = 0;

  /** Takes the seconds from one column of the log-mel, and from one embedding, to the next. */
  constructor(frameS: number, hopS: number) {
    this.logmel = new Ring(Math.round(SECONDS / frameS));
    this.embeddings = new Ring(Math.max(2, Math.round(SECONDS / hopS)));
  }

  /** Takes a root mean square, 0..1; levels below -60 dB are shown as silence. */
  addLevel(rms: number): void {
    const db = 20 * Math.log10(Math.max(rms, 1e-6));
    this.levels.add(Math.min(1, Math.max(0, 1 + db / 60)));
  }

  addEmbedding(vector: Float32Array): void {
    const bins = Float32Array.from({ length: History.BINS }, (_, bin) => meanOf(vector, bin));
    this.count++;
    const share = Math.max(1 / this.count, 1 / MEMORY);
    bins.forEach((value, i) => {
      this.mean[i]! += share * (value - this.mean[i]!);
      this.deviation[i]! += share * (Math.abs(value - this.mean[i]!) - this.deviation[i]!);
    });
    this.embeddings.add(bins.map((value, i) => clipped((value - this.mean[i]!) / (3 * this.deviation[i]! + 1e-6))));
  }

  clear(): void {
    for (const ring of [this.levels, this.logmel, this.embeddings]) ring.clear();
  }
}

/** The last `size` values, oldest first. */
export class Ring<Value> {
  private values: Value[] = [];
  total = 0;

  constructor(readonly size: number) {}

  add(value: Value): void {
    this.values.push(value);
    this.total++;
    if (this.values.length > this.size) this.values.shift();
  }

  get all(): readonly Value[] {
    return this.values;
  }

  clear(): void {
    this.values = [];
  }
}

const MEMORY = 200;
const SECONDS = 6.4; // that are shown

function meanOf(vector: Float32Array, bin: number): number {
  const [from, to] = [bin, bin + 1].map((edge) => Math.floor((edge * vector.length) / History.BINS)) as [number, number];
  let sum = 0;
  for (let i = from; i < to; i++) sum += vector[i]!;
  return to > from ? sum / (to - from) : 0;
}

function clipped(value: number): number {
  return Math.min(1, Math.max(-1, value));
}
