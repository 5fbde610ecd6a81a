import type { Encoder } from "../../encoder/src/encoder.js";
import { Framer } from "../../encoder/src/framer.js";
import { rms } from "../../encoder/src/vectors.js";
import type { Moment } from "../protocol.js";

/**
 * Turns sound into embeddings, each with the level of what is new in it. Leaves out those at the start that
 * have silence before the sound.
 */
export class Moments {
  private readonly hops: Framer;

  constructor(private readonly encoder: Encoder) {
    this.hops = new Framer(encoder.hopSamples, encoder.hopSamples);
  }

  async push(pcm: Float32Array): Promise<Moment[]> {
    const found: Moment[] = [];
    for (const { samples } of this.hops.push(pcm)) {
      const level = rms(samples);
      for (const { vector, learned, scores, endSample } of await this.encoder.push(samples)) {
        if (endSample >= this.encoder.artifact.fullAfterSamples) found.push({ vector, learned, scores, level });
      }
    }
    return found;
  }

  async reset(): Promise<void> {
    this.hops.reset();
    await this.encoder.reset();
  }
}
