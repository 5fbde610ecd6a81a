/** A manifest or artifact that is missing, damaged or of another version. The message is for users. */
export class ManifestError extends Error {
  override readonly name = "ManifestError";
}

export type Precision = "fp32" | "fp16" | "int8-weights" | "int8";
export type InputKind = "waveform" | "stream" | "mel";

/** A tensor that a stream hands from one run to the next; its shape has a batch of one. */
export interface State {
  readonly input: string;
  readonly output: string;
  readonly shape: readonly number[];
}

export interface Head {
  readonly name: string; // of the output
  readonly labels: readonly string[];
}

/** An artifact as its manifest describes it. */
export interface Artifact {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly precision: Precision;
  readonly kind: InputKind;
  readonly inputName: string;
  readonly inputShape: readonly number[]; // with a batch of one
  readonly outputs: readonly string[];
  readonly embeddingDim: number;
  readonly learnedDim: number; // of the first part of an embedding, which the log-mel's statistics follow
  readonly windowSamples: number; // of sound behind an embedding
  readonly fullAfterSamples: number; // of sound, until the encoder reads nothing but it, no silence before it
  readonly asTrained: boolean; // false for a stream of other slices than the encoder was trained on
  readonly state: readonly State[]; // of a stream
  readonly heads: readonly Head[];
}

/** The file of sounds that others are compared with; see `Background`. */
export interface BackgroundFile {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly dim: number;
  readonly directions: number;
  readonly sounds: number;
  readonly nearest: number;
  readonly scale: number;
  readonly mostOfSecond: number;
}

export interface FrontendSettings {
  readonly windowMs: number;
  readonly hopMs: number;
  readonly bands: number;
  readonly minHz: number;
  readonly maxHz: number;
}

/** The manifest that `tiny-audio-ssl export` writes; only its ONNX artifacts are listed. */
export interface Manifest {
  readonly version: string; // of tiny-audio-ssl
  readonly sampleRateHz: number;
  readonly frontend: FrontendSettings;
  readonly artifacts: readonly Artifact[];
  readonly background: BackgroundFile | null;
}

const VERSIONS = [2, 3]; // they differ in the spelling of `license`, not read here
const LISTENING: readonly InputKind[] = ["stream", "waveform"];
const PRECISIONS: readonly Precision[] = ["int8", "fp16", "int8-weights", "fp32"];
const MEL_STATISTICS = 4; // for each band: mean, deviation, maximum and change

// Content of a file that anyone may have edited.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

/** Throws `ManifestError` if the text is not a manifest, or one of another version. */
export function parseManifest(text: string): Manifest {
  let content: Json;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new ManifestError(`not a manifest: ${String(error)}`);
  }
  const version: unknown = content?.format_version;
  if (!VERSIONS.includes(version as number)) {
    throw new ManifestError(
      `the manifest has format version ${String(version)}, expected ${VERSIONS.join(" or ")}; export again`,
    );
  }
  try {
    return readManifest(content);
  } catch (error) {
    throw new ManifestError(`the manifest is not complete (${String(error)}); export again`);
  }
}

/**
 * The artifact to listen with: preferably one that reads sound as the encoder was trained, then a stream,
 * then int8.
 */
export function forListening(manifest: Manifest): Artifact {
  const rank = (one: Artifact) =>
    100 * Number(!one.asTrained) + 10 * LISTENING.indexOf(one.kind) + PRECISIONS.indexOf(one.precision);
  const [best] = manifest.artifacts.filter(hears).sort((a, b) => rank(a) - rank(b));
  if (!best) throw new ManifestError("the manifest has no ONNX artifact that takes a stream or a waveform");
  return best;
}

/** Whether an artifact takes sound rather than the log-mel. */
export function hears(artifact: Artifact): boolean {
  return LISTENING.includes(artifact.kind);
}

function readManifest(content: Json): Manifest {
  const { frontend } = content;
  return {
    version: String(content.versions["tiny-audio-ssl"]),
    sampleRateHz: number(content.sample_rate_hz),
    frontend: {
      windowMs: number(frontend.window_ms),
      hopMs: number(frontend.hop_ms),
      bands: number(frontend.bands),
      minHz: number(frontend.min_hz),
      maxHz: number(frontend.max_hz),
    },
    artifacts: content.artifacts
      .filter((entry: Json) => entry.format === "onnx" && entry.input)
      .map((entry: Json) => readArtifact(entry, content)),
    background: content.background ? readBackground(content.background) : null,
  };
}

function readBackground(entry: Json): BackgroundFile {
  return {
    file: String(entry.file),
    sha256: String(entry.sha256),
    bytes: number(entry.bytes),
    dim: number(entry.dim),
    directions: number(entry.directions),
    sounds: number(entry.sounds),
    nearest: number(entry.nearest),
    scale: number(entry.scale),
    mostOfSecond: number(entry.most_of_second),
  };
}

function readArtifact(entry: Json, content: Json): Artifact {
  const outputs: Json[] = entry.outputs;
  const dim = number(outputs[0].shape.at(-1));
  const heads: Json[] = content.heads ?? [];
  const names = outputs.map((output) => String(output.name));
  return {
    file: String(entry.file),
    sha256: String(entry.sha256),
    bytes: number(entry.bytes),
    precision: entry.precision,
    kind: entry.input.kind,
    inputName: String(entry.input.name),
    inputShape: shape(entry.input.shape),
    outputs: names,
    embeddingDim: dim,
    learnedDim: learnedDim(content, dim),
    windowSamples: number(entry.stream?.window_samples ?? content.window_samples),
    fullAfterSamples: fullAfterSamples(entry.stream, number(content.window_samples)),
    asTrained: entry.stream?.as_trained ?? true,
    state: (entry.stream?.state ?? []).map((one: Json) => ({
      input: String(one.input),
      output: String(one.output),
      shape: shape(one.shape),
    })),
    heads: heads
      .map((head) => ({ name: String(head.output), labels: head.labels.map(String) }))
      .filter((head) => names.includes(head.name)),
  };
}

function fullAfterSamples(stream: Json | undefined, windowSamples: number): number {
  if (!stream) return windowSamples;
  const packets = stream.slice_frames > stream.packet_frames ? number(stream.packets) : 1;
  return packets * number(stream.packet_samples);
}

function learnedDim(content: Json, dim: number): number {
  const readout: string[] = content.encoder.readout ?? [];
  const statistics = readout.includes("mel") ? MEL_STATISTICS * content.frontend.bands : 0;
  const learned: number = content.encoder.learned_dim ?? dim - statistics;
  return learned > 0 ? learned : dim; // an embedding that consists of statistics alone is compared whole
}

/** The first length is that of the batch: 1, or "batch" if it may have any size. */
function shape(lengths: Json[]): number[] {
  return [1, ...lengths.slice(1).map(number)];
}

function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError(`${String(value)} for a number`);
  return value;
}
