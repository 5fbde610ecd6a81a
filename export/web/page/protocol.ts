import type { Artifact, Manifest } from "../encoder/src/manifest.js";

/** Seconds of sound that the audio thread hands over at a time. */
export const PIECE_S = 0.04;

/** An embedding, and the level (root mean square) of the sound that is new in it. */
export interface Moment {
  readonly vector: Float32Array;
  readonly learned: Float32Array;
  readonly scores: Readonly<Record<string, Float32Array>>;
  readonly level: number;
}

/** What the worker found in a piece of sound. */
export interface Heard {
  readonly level: number;
  readonly logmel: readonly Float32Array[];
  readonly moments: readonly Moment[];
}

export interface Opened {
  readonly manifest: Manifest;
  readonly artifact: Artifact;
  readonly background: Uint8Array | null; // the file's bytes
  readonly hopSamples: number;
}

/** `Timing` of the library, without what can't be sent between threads. */
export interface ArtifactTiming {
  readonly file: string;
  readonly loadMs: number;
  readonly firstMs: number;
  readonly roundsMs: readonly (readonly number[])[];
  readonly slowdown: number;
}

/** The questions to the worker, and the answer to each. */
export interface Calls {
  open: { ask: { folder: string; runtime: string }; answer: Opened };
  listen: { ask: { port: MessagePort; sampleRateHz: number }; answer: null };
  embed: { ask: { pcm: Float32Array; sampleRateHz: number }; answer: readonly Moment[] };
  measure: { ask: { folder: string; runtime: string; threads: number; runs: number }; answer: { runtimeVersion: string; timings: readonly ArtifactTiming[] } };
}

export type CallName = keyof Calls;

export type ToWorker = { [Name in CallName]: { id: number; name: Name; ask: Calls[Name]["ask"] } }[CallName];

export type FromWorker =
  | { kind: "answer"; id: number; answer: unknown }
  | { kind: "refused"; id: number; message: string }
  | { kind: "heard"; heard: Heard }
  | { kind: "behind" } // this device does not keep up with the microphone
  | { kind: "failed"; message: string }
  | { kind: "progress"; share: number };
