import type { Calls, CallName, FromWorker, Heard } from "./protocol.js";

/** Sends questions to the worker, which computes beside the page so that the page stays smooth. */
export class WorkerClient {
  onHeard: (heard: Heard) => void = () => undefined;
  onBehind: () => void = () => undefined;
  onFailed: (message: string) => void = () => undefined;
  onProgress: (share: number) => void = () => undefined;
  private readonly worker = new Worker("encoder-worker.js", { type: "module" });
  private readonly open = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();
  private asked = 0;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.take(data);
    this.worker.onerror = (event) => this.fail(event.message || "the worker could not start");
  }

  /** Throws an error with the message of what the worker threw. */
  ask<Name extends CallName>(
    name: Name,
    ask: Calls[Name]["ask"],
    transfer: Transferable[] = [],
  ): Promise<Calls[Name]["answer"]> {
    const id = this.asked++;
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve, reject });
      this.worker.postMessage({ id, name, ask }, transfer);
    });
  }

  close(): void {
    this.worker.terminate();
    this.fail("stopped");
  }

  private take(message: FromWorker): void {
    switch (message.kind) {
      case "heard":
        return this.onHeard(message.heard);
      case "behind":
        return this.onBehind();
      case "failed":
        return this.onFailed(message.message);
      case "progress":
        return this.onProgress(message.share);
      case "answer":
        this.open.get(message.id)?.resolve(message.answer as never);
        break;
      case "refused":
        this.open.get(message.id)?.reject(new Error(message.message));
    }
    this.open.delete(message.id);
  }

  private fail(message: string): void {
    for (const { reject } of this.open.values()) reject(new Error(message));
    this.open.clear();
  }
}
