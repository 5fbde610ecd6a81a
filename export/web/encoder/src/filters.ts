/** A filter that turns every `down` samples into `up`, both whole numbers. */
export interface Filter {
  readonly up: number;
  readonly down: number;
  /** Samples on either side that an output depends on. */
  readonly reach: number;
  /** The weight of a sample by its distance from the output, in samples. */
  readonly response: (distance: number) => number;
}

/**
 * Returns the filters from one rate to another, one after the other: those of soxr's quality "HQ".
 *
 * High rates are halved first. A low-pass filter then passes `PASSED` of the lower rate's Nyquist
 * frequency and stops everything above that frequency. Ratios of small numbers, such as 48 to 16 kHz,
 * need no other filter. For other ratios, such as 44.1 to 16 kHz, a short filter interpolates.
 */
export function filtersBetween(fromHz: number, toHz: number): Filter[] {
  if (fromHz === toHz) return [];
  const halvings = Math.max(0, Math.floor(Math.log2(fromHz / toHz / 2)));
  const [up, down] = reduced(toHz * 2 ** halvings, fromHz);
  const simple = Math.max(up, down) < 5 || up * down < 6;
  const errors = (halvings + 1) * (simple ? 1 : 2); // that add up, so that each must be as much smaller
  const halving = halvingFilter(errors > 3 ? HALVING_152_DB : HALVING_136_DB);
  const rest = simple ? [lowPass(up, down, Math.max(up, down), errors)] : interpolating(up, down, errors);
  return [...Array.from({ length: halvings }, () => halving), ...rest];
}

const PASSED = 0.9137437;
const BEGIN_OF_ROLL_OFF = 0.125787; // of the transition from 1 to 0: where a filter is 0.01 dB down

/** Odd taps of half-band filters, by the Remez algorithm for a passband of an eighth of the rate. */
const HALVING_136_DB = [
  0.31154657, -0.087345026, 0.036814586, -0.015189309, 0.0054541487, -0.0015644138, 0.00031817366, -0.000034800574,
];
const HALVING_152_DB = [
  0.31227021, -0.089221161, 0.039139265, -0.017250172, 0.0068586834, -0.0023043697, 0.00060958525, -0.00011322441,
  0.000011195909,
];

function halvingFilter(odd: readonly number[]): Filter {
  const response = (distance: number) => {
    const place = Math.abs(distance);
    return place === 0 ? 0.5 : place % 2 === 1 ? odd[(place - 1) / 2]! : 0;
  };
  return { up: 1, down: 2, reach: 2 * odd.length - 1, response };
}

/**
 * A filter that stops what is above the Nyquist frequency of the lower rate, by 126.4 dB and more if
 * several `errors` add up. `narrowing`: `up` times the rate of the samples, divided by the lower rate.
 */
function lowPass(up: number, down: number, narrowing: number, errors: number): Filter {
  const more = 20 * Math.log10(errors); // dB
  const transition = (1 - PASSED) / 2 / narrowing;
  const multiple = up === 4 ? 8 : 4;
  const taps = multiple * Math.ceil((8.3025 + 0.071 * more) / transition / multiple) + 1;
  const cutoff = (up * (1 + PASSED)) / 4 / narrowing;
  return { up, down, ...windowedSinc(cutoff, taps / 2 / up, 13.0403 + 0.1116 * more) };
}

/** A low-pass filter, and one that interpolates: behind it, or before it for ratios from 1.5 to 2. */
function interpolating(up: number, down: number, errors: number): Filter[] {
  const ratio = down / up;
  if (ratio > 1.5 && ratio < 2) {
    const before = interpolation(...reduced(2 * up, down), PASSED / ratio, 3 / ratio, false);
    return [before, lowPass(1, 2, 2, errors)];
  }
  const doubling = ratio <= 1.5 ? 2 : 1;
  const narrowing = doubling * Math.max(1, ratio);
  const [pass, stop] = [PASSED / narrowing, 2 - (0.3 * PASSED + 0.7) / narrowing];
  const behind = interpolation(...reduced(up, down * doubling), pass, stop, ratio > 1);
  return [lowPass(doubling, 1, narrowing, errors), behind];
}

/**
 * A filter that interpolates between samples. `pass` and `stop`: the edges of its bands, where 1 is the
 * Nyquist frequency of the samples. `even`: whether its number of taps must be even.
 */
function interpolation(up: number, down: number, pass: number, stop: number, even: boolean): Filter {
  const transition = (stop - pass) / 2 / (1 - BEGIN_OF_ROLL_OFF);
  const phases = Math.max(up, 19);
  let taps = Math.floor((Math.ceil((8.9507 * phases) / transition) + 1) / phases) + 1;
  if (even) taps += taps % 2;
  const between = taps % 2 && up % 2 ? 2 * up : up;
  return { up, down, ...windowedSinc((stop - transition) / 2, taps / 2 - 0.25 / between, 14.059) };
}

/** A sinc of this cutoff, in cycles per sample, under a Kaiser window. */
function windowedSinc(cutoff: number, reach: number, beta: number): Pick<Filter, "reach" | "response"> {
  const scale = (2 * cutoff) / bessel(beta);
  const response = (distance: number) => {
    const place = distance / reach;
    if (Math.abs(place) >= 1) return 0;
    const x = 2 * Math.PI * cutoff * distance;
    return scale * (x === 0 ? 1 : Math.sin(x) / x) * bessel(beta * Math.sqrt(1 - place * place));
  };
  return { reach, response };
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

/** The fraction up / down in its lowest terms. */
function reduced(up: number, down: number): [number, number] {
  const divisor = greatestDivisor(up, down);
  return [up / divisor, down / divisor];
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
