/** Runs in the audio thread: averages channels, and sends sound to a port in larger pieces. */

import { PIECE_S } from "../protocol.js";

declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  constructor(options?: unknown);
}
declare function registerProcessor(name: string, processor: typeof AudioWorkletProcessor): void;
declare const sampleRate: number;

class Capture extends AudioWorkletProcessor {
  private target: MessagePort | undefined;
  private readonly piece = new Float32Array(Math.ceil(PIECE_S * sampleRate));
  private filled = 0;

  constructor(options?: unknown) {
    super(options);
    this.port.onmessage = ({ data }: MessageEvent<MessagePort>) => (this.target = data);
  }

  process([channels]: Float32Array[][]): boolean {
    const length = channels?.[0]?.length ?? 0;
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (const channel of channels!) sum += channel[i]!;
      this.piece[this.filled++] = sum / channels!.length;
      if (this.filled === this.piece.length) this.send();
    }
    return true;
  }

  private send(): void {
    this.target?.postMessage(this.piece.slice());
    this.filled = 0;
  }
}

registerProcessor("capture", Capture as typeof AudioWorkletProcessor);
