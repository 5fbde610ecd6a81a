import { History } from "./history.js";

type Color = readonly [number, number, number];

/** Colors of the pictures, for a light or a dark page. */
interface Palette {
  readonly accent: string;
  readonly spectrum: readonly Color[]; // from silence to loud
  readonly cold: Color;
  readonly neutral: Color;
  readonly warm: Color;
}

const LIGHT: Palette = {
  accent: "#1f5f99",
  spectrum: [[246, 248, 251], [190, 214, 233], [104, 152, 200], [62, 79, 160], [60, 20, 90]],
  cold: [33, 102, 172],
  neutral: [243, 245, 247],
  warm: [178, 24, 43],
};
const DARK: Palette = {
  accent: "#8cc4f5",
  spectrum: [[18, 25, 33], [34, 52, 100], [110, 55, 140], [226, 95, 98], [254, 232, 170]],
  cold: [67, 147, 224],
  neutral: [32, 38, 44],
  warm: [240, 96, 90],
};
const [QUIET, LOUD] = [-9, 6]; // natural logarithms of the power in a band

/** Draws level, log-mel and embedding, which scroll to the left, at most once per displayed frame. */
export class Scene {
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private asked = false;
  private readonly spectrum: Picture;
  private readonly embedding: Picture;

  constructor(
    private readonly history: History,
    private readonly level: HTMLCanvasElement,
    logmel: HTMLCanvasElement,
    embedding: HTMLCanvasElement,
    bands: number,
  ) {
    this.spectrum = new Picture(logmel, history.logmel.size, bands);
    this.embedding = new Picture(embedding, history.embeddings.size, History.BINS);
    this.dark.addEventListener("change", () => this.show());
    new ResizeObserver(() => this.show()).observe(level);
  }

  show(): void {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw(this.dark.matches ? DARK : LIGHT);
    });
  }

  private draw(palette: Palette): void {
    drawLevels(this.level, this.history.levels.all, this.history.levels.size, palette.accent);
    const loudness = (value: number) => gradient(palette.spectrum, (value - QUIET) / (LOUD - QUIET));
    this.spectrum.draw(this.history.logmel.all, loudness, palette.spectrum[0]!, true);
    const sign = (value: number) => mixed(palette.neutral, value < 0 ? palette.cold : palette.warm, Math.abs(value));
    this.embedding.draw(this.history.embeddings.all, sign, palette.neutral, false);
  }
}

function drawLevels(canvas: HTMLCanvasElement, levels: readonly number[], size: number, color: string): void {
  const scale = devicePixelRatio;
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale].map(Math.round) as [number, number];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, width, height);
  context.fillStyle = color;
  const step = width / size;
  const last = size - levels.length;
  for (let i = 0; i < size; i++) {
    const tall = Math.max(scale, (levels[i - last] ?? 0) * height);
    context.beginPath();
    context.roundRect(i * step, (height - tall) / 2, Math.max(1, 0.65 * step), tall, step / 2);
    context.fill();
  }
}

/** Shows columns of numbers as colors, one pixel each; the browser stretches them over the canvas. */
class Picture {
  private readonly pixels: ImageData;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly columns: number,
    private readonly rows: number,
  ) {
    [canvas.width, canvas.height] = [columns, rows];
    this.pixels = new ImageData(columns, rows);
  }

  draw(columns: readonly Float32Array[], color: (value: number) => Color, empty: Color, upwards: boolean): void {
    const { data } = this.pixels;
    const first = this.columns - columns.length;
    for (let x = 0; x < this.columns; x++) {
      const column = columns[x - first];
      for (let y = 0; y < this.rows; y++) {
        const value = column?.[upwards ? this.rows - 1 - y : y];
        const [red, green, blue] = value === undefined ? empty : color(value);
        data.set([red, green, blue, 255], 4 * (y * this.columns + x));
      }
    }
    this.canvas.getContext("2d")!.putImageData(this.pixels, 0, 0);
  }
}

function gradient(colors: readonly Color[], share: number): Color {
  const place = Math.min(1, Math.max(0, share)) * (colors.length - 1);
  const below = Math.min(colors.length - 2, Math.floor(place));
  return mixed(colors[below]!, colors[below + 1]!, place - below);
}

function mixed(from: Color, to: Color, share: number): Color {
  return [0, 1, 2].map((i) => from[i]! + share * (to[i]! - from[i]!)) as unknown as Color;
}
