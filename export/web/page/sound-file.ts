import { isWav, readWav, type Recording } from "../encoder/src/wav.js";

/** Files in other formats are decoded at this rate, that of Opus and of most microphones. */
const DECODE_HZ = 48_000;

/** Reads any audio file that the browser can decode, and WAV files as they are. Throws an error that says why not. */
export async function readSound(file: Blob): Promise<Recording> {
  const bytes = await file.arrayBuffer();
  if (isWav(bytes)) return readWav(bytes);
  const context = new OfflineAudioContext(1, 1, DECODE_HZ);
  const buffer = await context.decodeAudioData(bytes);
  const pcm = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    buffer.getChannelData(channel).forEach((value, i) => (pcm[i]! += value / buffer.numberOfChannels));
  }
  return { pcm, sampleRateHz: buffer.sampleRate };
}
