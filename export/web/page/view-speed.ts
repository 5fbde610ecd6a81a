import { rowsOf, type Row } from "./bench-rows.js";
import { browserFacts } from "./browser.js";
import { byId, make, svg } from "./elements.js";
import type { Opened } from "./protocol.js";
import { decimal, text } from "./texts/index.js";
import { WorkerClient } from "./worker-client.js";

const RUNS = 100;
const MOST_THREADS = 4;
const THROTTLED = 1.2; // times as slow at the end as at the start
const MARGIN = 1.02;

export interface Places {
  readonly folder: string; // of the artifacts
  readonly runtime: string; // folder of ONNX Runtime's files
}

/** Times the artifacts, and shows, saves and sends the result. */
export class SpeedView {
  private readonly button = byId("measure", HTMLButtonElement);
  private readonly progress = byId("progress", HTMLProgressElement);
  private rows: readonly Row[] = [];
  private problem: (() => string) | null = null; // in the current language
  private share: number | null = null; // of the measurement that is running
  private saved = ""; // address of the result as a file

  constructor(
    private readonly opened: Opened,
    private readonly places: Places,
    private readonly model: string,
    private readonly beforeMeasuring: () => Promise<void>,
  ) {
    this.button.disabled = false;
    this.button.addEventListener("click", () => void this.measure());
  }

  show(): void {
    const percent = Math.round(100 * (this.share ?? 0));
    this.button.textContent = this.share === null ? text("measure") : text("measuring", percent);
    this.button.disabled = this.share !== null;
    this.progress.hidden = this.share === null;
    this.progress.value = percent;
    byId("times", HTMLDivElement).replaceChildren(...this.content());
  }

  private async measure(): Promise<void> {
    await this.beforeMeasuring();
    let hidden = document.hidden;
    const watch = () => (hidden ||= document.hidden);
    document.addEventListener("visibilitychange", watch);
    [this.rows, this.problem, this.share] = [[], null, 0];
    this.show();
    try {
      const counts = threadCounts();
      for (const [i, threads] of counts.entries()) {
        const made = await this.withThreads(threads, (share) => {
          this.share = (i + share) / counts.length;
          this.show();
        });
        if (hidden) break;
        this.rows = [...this.rows, ...made];
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.problem = () => text("failed", message);
    }
    if (hidden) this.problem = () => text("measure_hidden");
    if (this.problem) this.rows = [];
    document.removeEventListener("visibilitychange", watch);
    this.share = null;
    this.show();
  }

  /** Uses a worker of its own, because a worker keeps its number of threads for life. */
  private async withThreads(threads: number, onProgress: (share: number) => void): Promise<Row[]> {
    const worker = new WorkerClient();
    worker.onProgress = onProgress;
    try {
      const measured = await worker.ask("measure", { ...this.places, threads, runs: RUNS });
      return rowsOf({ threads, ...measured }, this.opened.manifest, this.model, await browserFacts());
    } finally {
      worker.close();
    }
  }

  private content(): Node[] {
    if (this.problem) return [make("p", { role: "alert" }, this.problem())];
    if (!this.rows.length) return [];
    const slowdown = Math.max(...this.rows.map(({ web }) => web.slowdown));
    const notes = [];
    if (slowdown > THROTTLED) notes.push(text("throttles", decimal(slowdown, 2)));
    if (!crossOriginIsolated) notes.push(text("no_threads"));
    return [
      this.chart(),
      ...notes.map((note) => make("p", { class: "faint" }, note)),
      ...(this.share === null ? [make("div", { class: "row" }, ...this.links())] : []), // once it is complete
    ];
  }

  private chart(): HTMLElement {
    const longest = MARGIN * Math.max(...this.rows.map((row) => row.p90_ms));
    const groups = threadCounts().flatMap((threads) => {
      const rows = this.rows.filter((row) => row.threads === threads);
      const title = threads === 1 ? text("thread_one") : text("threads", threads);
      return [make("h3", { class: "label" }, title), ...rows.map((row) => timeOf(row, longest))];
    });
    return make("figure", {}, make("figcaption", {}, text("milliseconds")), ...groups);
  }

  /** A link to the result as a file, and a button that hands it to another app where the browser can. */
  private links(): HTMLElement[] {
    const file = new File([JSON.stringify(this.rows, null, 1)], "bench.json", { type: "application/json" });
    URL.revokeObjectURL(this.saved);
    this.saved = URL.createObjectURL(file);
    const save = make(
      "a",
      { id: "save-result", class: "button", href: this.saved, download: file.name },
      text("save_result"),
    );
    if (!navigator.canShare?.({ files: [file] })) return [save];
    const send = make("button", { class: "strong" }, text("send_result"));
    send.addEventListener("click", () => void navigator.share({ files: [file] }).catch(() => undefined));
    return [save, send];
  }
}

/** One thread, and more if the browser allows shared memory. */
function threadCounts(): number[] {
  const most = Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
  return crossOriginIsolated && most > 1 ? [1, most] : [1];
}

function timeOf(row: Row, longest: number): HTMLElement {
  const width = (ms: number) => String((100 * ms) / longest);
  const bars = svg(
    "svg",
    { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "track", width: "100", height: "10", rx: "1" }),
    svg("rect", { class: "p50", width: width(row.p50_ms), height: "10", rx: "1" }),
    svg("rect", { class: "p90", x: width(row.p50_ms), y: "4", width: width(row.p90_ms - row.p50_ms), height: "2" }),
  );
  const figures = [
    `p90 ${decimal(row.p90_ms, 2)}`,
    `p99 ${decimal(row.web.p99_ms, 2)}`,
    `${text("column_load")} ${decimal(row.load_ms, 0)}`,
    `${text("column_first")} ${decimal(row.first_run_ms, 1)}`,
    text("real_time", decimal(100 * row.real_time_factor, 1)),
  ];
  return make(
    "div",
    { class: "time" },
    make("span", {}, row.artifact),
    make("strong", {}, `${decimal(row.p50_ms, 2)} ms`),
    bars,
    make("small", {}, figures.map((one) => one.replaceAll(" ", "\u00a0")).join(" · ")),
  );
}
