/** Samples of a recording, mono, with full scale at -1..1. */
export interface Recording {
  readonly pcm: Float32Array;
  readonly sampleRateHz: number;
}

/** A file that can't be read as sound. */
export class WavError extends Error {
  override readonly name = "WavError";
}

const [PCM, FLOAT, EXTENSIBLE] = [1, 3, 0xfffe];

/** Whether a file begins as a WAV file does. */
export function isWav(bytes: ArrayBuffer): boolean {
  const view = new DataView(bytes);
  return bytes.byteLength > 12 && tag(view, 0) === "RIFF" && tag(view, 8) === "WAVE";
}

/**
 * Reads 8-, 16-, 24- or 32-bit PCM, or 32-bit float, as it is: browsers resample what they decode.
 * Channels are averaged. Throws `WavError`.
 */
export function readWav(bytes: ArrayBuffer): Recording {
  if (!isWav(bytes)) throw new WavError("not a WAV file");
  const view = new DataView(bytes);
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const [name, size] = [tag(view, at), view.getUint32(at + 4, true)];
    const body = at + 8;
    if (name === "fmt " && body + 16 <= bytes.byteLength) format = formatOf(view, body, size);
    if (name === "data" && format) return decode(view, body, Math.min(size, bytes.byteLength - body), format);
    at = body + size + (size % 2);
  }
  throw new WavError("damaged or cut short: no samples in it");
}

interface Format {
  readonly kind: number;
  readonly channels: number;
  readonly sampleRateHz: number;
  readonly bits: number;
}

function formatOf(view: DataView, at: number, size: number): Format {
  const kind = view.getUint16(at, true);
  const extended = kind === EXTENSIBLE && size >= 26 && at + 26 <= view.byteLength;
  return {
    kind: extended ? view.getUint16(at + 24, true) : kind,
    channels: view.getUint16(at + 2, true),
    sampleRateHz: view.getUint32(at + 4, true),
    bits: view.getUint16(at + 14, true),
  };
}

function decode(view: DataView, from: number, size: number, format: Format): Recording {
  const { channels, bits, sampleRateHz } = format;
  const read = readerOf(view, format);
  const bytes = bits / 8;
  const frames = Math.floor(size / (bytes * channels));
  if (!frames || !channels) throw new WavError("empty: no samples");
  const pcm = new Float32Array(frames);
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += read(from + bytes * (frame * channels + channel));
    pcm[frame] = sum / channels;
  }
  if (!pcm.every(Number.isFinite)) throw new WavError("samples with NaN or infinity");
  return { pcm, sampleRateHz };
}

function readerOf(view: DataView, { kind, bits }: Format): (at: number) => number {
  if (kind === FLOAT && bits === 32) return (at) => view.getFloat32(at, true);
  if (kind === PCM) {
    if (bits === 8) return (at) => (view.getUint8(at) - 128) / 128;
    if (bits === 16) return (at) => view.getInt16(at, true) / 32_768;
    if (bits === 24) return (at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 8_388_608;
    if (bits === 32) return (at) => view.getInt32(at, true) / 2_147_483_648;
  }
  throw new WavError(`samples of kind ${kind} with ${bits} bits; expected PCM, or 32-bit float`);
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}
