/** An estimate and the ends of its 95 % confidence interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1_000;

/**
 * The median of all runs, [rounds][runs in each], with its interval. Runs close in time are
 * correlated, so whole rounds are drawn (a cluster bootstrap), as tiny_audio_ssl/bench/statistics.py
 * does.
 */
export function median(rounds: readonly (readonly number[])[]): Interval {
  const drawn = rounds.length === 1 ? rounds[0]!.map((run) => [run]) : rounds;
  const next = randomIntegers(drawn.length);
  const medians = Array.from({ length: RESAMPLES }, () =>
    percentile(drawn.flatMap(() => drawn[next()]!), 50),
  );
  return {
    value: percentile(rounds.flat(), 50),
    low: percentile(medians, 2.5),
    high: percentile(medians, 97.5),
  };
}

/** The percentile of numbers, interpolated between neighbors as NumPy does. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = ((sorted.length - 1) * percent) / 100;
  const below = Math.floor(place);
  const [low, high] = [sorted[below]!, sorted[Math.min(below + 1, sorted.length - 1)]!];
  return low + (high - low) * (place - below);
}

/** The median of the last tenth of the runs divided by that of the first: above 1, the device slowed down. */
export function slowdown(runs: readonly number[]): number {
  const tenth = Math.max(1, Math.floor(runs.length / 10));
  return percentile(runs.slice(-tenth), 50) / percentile(runs.slice(0, tenth), 50);
}

/** Numbers from 0 to count - 1, the same on every call: a linear congruential generator. */
function randomIntegers(count: number): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
}
