/** Why there is no sound; each reason has a text of its own. */
export type MicrophoneProblem = "insecure" | "refused" | "none" | "busy" | "unplugged";

export class MicrophoneError extends Error {
  override readonly name = "MicrophoneError";

  constructor(readonly problem: MicrophoneProblem, detail = "") {
    super(detail || problem);
  }
}

/** An open microphone, which sends mono sound at `sampleRateHz` to `port`. */
export class Microphone {
  private constructor(
    readonly port: MessagePort,
    private readonly context: AudioContext,
    private readonly stream: MediaStream,
  ) {}

  get sampleRateHz(): number {
    return this.context.sampleRate;
  }

  /** Asks the user for permission. Throws `MicrophoneError`. `onUnplugged`: called if it disappears. */
  static async open(onUnplugged: () => void): Promise<Microphone> {
    if (!navigator.mediaDevices || typeof AudioWorkletNode === "undefined") throw new MicrophoneError("insecure");
    const stream = await ask();
    const track = stream.getAudioTracks()[0]!;
    const { sampleRate } = track.getSettings(); // at another rate, the browser would resample, in its own way
    const context = new AudioContext(sampleRate ? { sampleRate } : {});
    try {
      track.addEventListener("ended", onUnplugged);
      await context.audioWorklet.addModule("capture.js");
      const node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
      const channel = new MessageChannel();
      node.port.postMessage(channel.port1, [channel.port1]);
      context.createMediaStreamSource(stream).connect(node);
      await context.resume();
      return new Microphone(channel.port2, context, stream);
    } catch (error) {
      stream.getTracks().forEach((track) => track.stop());
      await context.close();
      throw new MicrophoneError("busy", String(error));
    }
  }

  async close(): Promise<void> {
    this.stream.getTracks().forEach((track) => track.stop());
    await this.context.close();
  }
}

const UNALTERED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

async function ask(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: UNALTERED });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotFoundError" || name === "OverconstrainedError") throw new MicrophoneError("none");
    if (name === "NotAllowedError" || name === "SecurityError") throw new MicrophoneError("refused");
    throw new MicrophoneError("busy", String(error));
  }
}
