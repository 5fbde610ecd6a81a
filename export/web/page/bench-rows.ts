import type { Artifact, Manifest } from "../encoder/src/manifest.js";
import { median, percentile } from "../encoder/src/statistics.js";
import type { BrowserFacts } from "./browser.js";
import type { ArtifactTiming } from "./protocol.js";

/** What was measured with one number of threads. */
export interface Measured {
  readonly threads: number;
  readonly runtimeVersion: string;
  readonly timings: readonly ArtifactTiming[];
}

/** Columns that only browsers have. */
interface WebColumns {
  readonly browser: string;
  readonly processor: string;
  readonly cores: number;
  readonly isolated: boolean; // which threads need
  readonly p99_ms: number;
  readonly slowdown: number; // median of the last tenth of the runs / of the first
}

/** A row of `tiny-audio-ssl bench --json` (tiny_audio_ssl/bench/rows.py). */
export type Row = Readonly<Record<string, unknown>> & {
  readonly artifact: string;
  readonly threads: number;
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly load_ms: number;
  readonly first_run_ms: number;
  readonly real_time_factor: number;
  readonly web: WebColumns;
};

export function rowsOf(measured: Measured, manifest: Manifest, model: string, facts: BrowserFacts): Row[] {
  return measured.timings.map((timing) => {
    const artifact = manifest.artifacts.find((one) => one.file === timing.file)!;
    return rowOf(timing, artifact, manifest, measured, model, facts);
  });
}

function rowOf(
  timing: ArtifactTiming,
  artifact: Artifact,
  manifest: Manifest,
  { threads, runtimeVersion }: Measured,
  model: string,
  facts: BrowserFacts,
): Row {
  const all = timing.roundsMs.flat();
  const middle = median(timing.roundsMs);
  const windowMs = (1000 * artifact.inputShape.at(-1)!) / manifest.sampleRateHz;
  return {
    target: "web",
    // Without the browser's version, so that rows of two versions can be compared.
    device: `${facts.device} in ${facts.browser.replace(/ [\d.]+$/, "")}`,
    system: `${facts.browser}, ${facts.system}`,
    model,
    artifact: artifact.file,
    runtime: "onnxruntime-web",
    version: runtimeVersion,
    tiny_audio_ssl: manifest.version,
    precision: artifact.precision,
    input: artifact.kind,
    threads,
    cpus: [],
    bytes: artifact.bytes,
    window_ms: windowMs,
    load_ms: timing.loadMs,
    first_run_ms: timing.firstMs,
    p50_ms: middle.value,
    p50_low_ms: middle.low,
    p50_high_ms: middle.high,
    p90_ms: percentile(all, 90),
    min_ms: Math.min(...all),
    real_time_factor: middle.value / windowMs,
    baseline: null,
    speedup: null,
    speedup_low: null,
    speedup_high: null,
    multiply_adds: null,
    gflops: null,
    peak_gflops: null,
    typical_gflops: null,
    peak_rss_kb: null,
    rounds: timing.roundsMs.length,
    runs: all.length,
    phone: null,
    web: {
      browser: facts.browser,
      processor: facts.processor,
      cores: facts.cores,
      isolated: globalThis.crossOriginIsolated ?? false,
      p99_ms: percentile(all, 99),
      slowdown: timing.slowdown,
    },
    samples_ms: [],
    of_peak: null,
  };
}
