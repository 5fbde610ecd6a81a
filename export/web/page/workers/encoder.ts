/// <reference lib="webworker" />
import { Encoder, readArtifact, readBackground, readManifest, runtimeVersion } from "../../encoder/src/encoder.js";
import { LogMel } from "../../encoder/src/logmel.js";
import { type Artifact, forListening, hears } from "../../encoder/src/manifest.js";
import { measure } from "../../encoder/src/measure.js";
import { resample } from "../../encoder/src/resampler.js";
import type { Calls, CallName, FromWorker, Moment, Opened, ToWorker } from "../protocol.js";
import { Listening } from "./listening.js";
import { Moments } from "./moments.js";

declare const self: DedicatedWorkerGlobalScope;

interface Open extends Opened {
  readonly bytes: Uint8Array;
  readonly runtime: string;
  readonly moments: Moments;
}

let open: Open | undefined;
let listening: Listening | undefined;
let files: Moments | undefined; // a stream of its own, so that files don't disturb listening

type Answers = { [Name in CallName]: (ask: Calls[Name]["ask"]) => Promise<Calls[Name]["answer"]> };

const answers: Answers = {
  async open({ folder, runtime }) {
    const url = new URL(folder);
    const manifest = await readManifest(url);
    const artifact = forListening(manifest);
    const bytes = await readArtifact(url, artifact);
    const encoder = await Encoder.of(artifact, bytes, { runtime });
    const background = await readBackground(url, manifest);
    const found = { manifest, artifact, background, hopSamples: encoder.hopSamples };
    open = { ...found, bytes, runtime, moments: new Moments(encoder) };
    return found;
  },

  async listen({ port, sampleRateHz }) {
    listening?.end();
    const { manifest, moments } = opened();
    await moments.reset();
    listening = new Listening(port, sampleRateHz, moments, new LogMel(manifest.frontend, manifest.sampleRateHz), post);
    return null;
  },

  async embed({ pcm, sampleRateHz }) {
    const { artifact, bytes, runtime, manifest, hopSamples } = opened();
    files ??= new Moments(await Encoder.of(artifact, bytes, { runtime }));
    const sound = resample(pcm, sampleRateHz, manifest.sampleRateHz);
    return whole(files, sound.length < hopSamples ? sound : padded(sound, artifact));
  },

  async measure({ folder, runtime, threads, runs }) {
    const url = new URL(folder);
    const { artifacts } = await readManifest(url);
    const read = [];
    for (const artifact of artifacts.filter(hears)) read.push([artifact, await readArtifact(url, artifact)] as const);
    const onProgress = (share: number) => post({ kind: "progress", share });
    const timings = await measure(read, { runtime, threads, runs, onProgress });
    const found = timings.map(({ artifact, ...rest }) => ({ file: artifact.file, ...rest }));
    return { runtimeVersion: runtimeVersion(), timings: found };
  },
};

async function whole(moments: Moments, pcm: Float32Array): Promise<Moment[]> {
  await moments.reset();
  return moments.push(pcm);
}

/** Puts silence before a sound that is shorter than what the encoder reads. */
function padded(pcm: Float32Array, artifact: Artifact): Float32Array {
  const missing = artifact.fullAfterSamples - pcm.length;
  if (missing <= 0) return pcm;
  const longer = new Float32Array(artifact.fullAfterSamples);
  longer.set(pcm, missing);
  return longer;
}

function opened(): Open {
  if (!open) throw new Error("no encoder is open");
  return open;
}

function post(message: FromWorker): void {
  self.postMessage(message);
}

async function answer({ id, name, ask }: ToWorker): Promise<void> {
  try {
    post({ kind: "answer", id, answer: await answers[name](ask as never) });
  } catch (error) {
    post({ kind: "refused", id, message: error instanceof Error ? error.message : String(error) });
  }
}

let turn: Promise<void> = Promise.resolve();
self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  turn = turn.then(() => answer(data)); // one after the other
};
