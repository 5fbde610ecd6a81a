import * as ort from "onnxruntime-web/wasm";
import { Comparison, comparisonOf } from "./comparison.js";
import { Framer } from "./framer.js";
import { type Artifact, forListening, hears, ManifestError, type Manifest, parseManifest } from "./manifest.js";

/** The embedding of the sound from `startSample` up to `endSample`, counted since the last reset. */
export interface Embedding {
  readonly vector: Float32Array;
  /** The first part of `vector`, which depends on the weights; taught sounds are compared by it. */
  readonly learned: Float32Array;
  readonly startSample: number;
  readonly endSample: number;
  /** Probabilities by head, in the order of its labels; empty without heads. */
  readonly scores: Readonly<Record<string, Float32Array>>;
}

export interface OpenOptions {
  /** The artifact's file name. Default: the one that suits listening best. */
  readonly file?: string;
  /** Samples from one embedding to the next, for a waveform artifact. Default: a quarter of its window. */
  readonly hopSamples?: number;
  /** Threads of WebAssembly, set by the first encoder that a page opens. More than one needs a page
   *  that is cross-origin isolated. Default: 1. */
  readonly threads?: number;
  /** The folder with ONNX Runtime's .wasm and .mjs files. Default: the script's own folder. */
  readonly runtime?: string;
}

/**
 * Sound in, embeddings out.
 *
 * ```ts
 * const encoder = await Encoder.open("encoder/");
 * for (const { vector } of await encoder.push(pcm)) show(vector); // any number of samples
 * ```
 *
 * Sound is mono, at 16 kHz, -1..1. A stream artifact gives an embedding for every packet, from the
 * first one on; a waveform artifact gives one every hop, once the first window is full.
 */
export class Encoder {
  readonly hopSamples: number;
  private readonly framer: Framer;
  private state: Record<string, ort.Tensor>;
  private turn: Promise<unknown> = Promise.resolve(); // calls run one after the other

  private constructor(
    readonly artifact: Artifact,
    private readonly session: ort.InferenceSession,
    hopSamples: number | undefined,
    /** How the learned parts of embeddings are compared. */
    readonly comparison: Comparison,
  ) {
    const size = artifact.inputShape.at(-1)!;
    this.hopSamples = artifact.kind === "stream" ? size : (hopSamples ?? Math.floor(artifact.windowSamples / 4));
    this.framer = new Framer(size, this.hopSamples);
    this.state = silence(artifact);
  }

  /**
   * Opens an artifact of the folder `url` that `tiny-audio-ssl export` wrote.
   *
   * Throws `ManifestError` if a file is missing, or differs from what the manifest says.
   */
  static async open(url: string | URL, options: OpenOptions = {}): Promise<Encoder> {
    const folder = new URL(url, globalThis.location?.href);
    const manifest = await readManifest(folder);
    const artifact = find(manifest, options.file);
    const bytes = await readArtifact(folder, artifact);
    const comparison = comparisonOf(manifest.background, await readBackground(folder, manifest));
    return Encoder.of(artifact, bytes, options, comparison);
  }

  /** Opens an artifact whose file has been read and checked. */
  static async of(
    artifact: Artifact,
    bytes: Uint8Array,
    options: OpenOptions = {},
    comparison = new Comparison(),
  ): Promise<Encoder> {
    if (!hears(artifact)) {
      throw new ManifestError(`${artifact.file} takes ${artifact.kind}; expected a stream or waveform artifact`);
    }
    return new Encoder(artifact, await openSession(bytes, options), options.hopSamples, comparison);
  }

  /** Takes any number of samples; those that do not fill a packet wait for the next call. */
  push(pcm: Float32Array): Promise<Embedding[]> {
    const found = this.turn.then(() => this.embed(pcm));
    this.turn = found.catch(() => undefined);
    return found;
  }

  /** Forgets what was heard: another sound follows. */
  reset(): Promise<void> {
    const done = this.turn.then(() => {
      this.framer.reset();
      this.state = silence(this.artifact);
    });
    this.turn = done;
    return done;
  }

  async close(): Promise<void> {
    await this.turn;
    await this.session.release();
  }

  private async embed(pcm: Float32Array): Promise<Embedding[]> {
    const found: Embedding[] = [];
    for (const { samples, end } of this.framer.push(pcm)) found.push(await this.step(samples, end));
    return found;
  }

  private async step(samples: Float32Array, end: number): Promise<Embedding> {
    const { artifact } = this;
    const input = new ort.Tensor("float32", samples, [...artifact.inputShape]);
    const outputs = await this.session.run({ [artifact.inputName]: input, ...this.state });
    this.state = Object.fromEntries(artifact.state.map((one) => [one.input, outputs[one.output]!]));
    const numbers = (name: string) => outputs[name]!.data as Float32Array;
    const vector = numbers(artifact.outputs[0]!);
    return {
      vector,
      learned: vector.subarray(0, artifact.learnedDim),
      startSample: Math.max(0, end - artifact.windowSamples),
      endSample: end,
      scores: Object.fromEntries(artifact.heads.map(({ name }) => [name, numbers(name)])),
    };
  }
}

/** Reads `manifest.json` of an export folder. Throws `ManifestError` if it is missing or damaged. */
export async function readManifest(folder: URL): Promise<Manifest> {
  const response = await fetch(new URL("manifest.json", folder));
  if (!response.ok) throw new ManifestError(`${response.url}: not there (${response.status})`);
  return parseManifest(await response.text());
}

/** Reads the file of the background, if there is one. Throws `ManifestError` as `readArtifact` does. */
export async function readBackground(folder: URL, manifest: Manifest): Promise<Uint8Array | null> {
  return manifest.background ? readArtifact(folder, manifest.background) : null;
}

/** Reads an artifact. Throws `ManifestError` if it is not the file that the manifest describes. */
export async function readArtifact(
  folder: URL,
  artifact: Pick<Artifact, "file" | "bytes" | "sha256">,
): Promise<Uint8Array> {
  const response = await fetch(new URL(artifact.file, folder));
  if (!response.ok) throw new ManifestError(`${artifact.file}: not there (${response.status})`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  // Browsers compute hashes only on secure pages, which are also the ones that may use a microphone.
  const digest = globalThis.crypto?.subtle ? await sha256(bytes) : artifact.sha256;
  if (bytes.length !== artifact.bytes || digest !== artifact.sha256) {
    throw new ManifestError(
      `${artifact.file}: not the file that the manifest describes (${bytes.length} bytes, expected ` +
        `${artifact.bytes} and SHA-256 ${artifact.sha256.slice(0, 12)}…); export again`,
    );
  }
  return bytes;
}

/** Opens a session of ONNX Runtime Web that computes with WebAssembly. */
export async function openSession(bytes: Uint8Array, options: OpenOptions = {}): Promise<ort.InferenceSession> {
  if (options.runtime) ort.env.wasm.wasmPaths = options.runtime;
  ort.env.wasm.numThreads = options.threads ?? 1;
  return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3 });
}

/** Returns the version of ONNX Runtime Web. */
export function runtimeVersion(): string {
  return ort.env.versions.web ?? ort.env.versions.common;
}

/** Returns the state that a stream starts with. */
export function silence(artifact: Artifact): Record<string, ort.Tensor> {
  return Object.fromEntries(artifact.state.map((one) => [one.input, zeros(one.shape)]));
}

function zeros(shape: readonly number[]): ort.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return new ort.Tensor("float32", new Float32Array(size), [...shape]);
}

function find(manifest: Manifest, file: string | undefined): Artifact {
  if (file === undefined) return forListening(manifest);
  const found = manifest.artifacts.find((artifact) => artifact.file === file);
  if (found) return found;
  const known = manifest.artifacts.map((artifact) => artifact.file).join(", ");
  throw new ManifestError(`${file}: not in the manifest, which has ${known}`);
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
