// Answers questions to the library @tiny-audio-ssl/encoder: JSON in, JSON out.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as library from "../../export/web/encoder/dist/index.js";

const plain = (vectors) => vectors.map((vector) => Array.from(vector));

const answers = {
  resample: ({ sounds, fromHz, pieces }) => {
    const resampler = new library.Resampler(fromHz, 16_000);
    return sounds.map((pcm) => {
      const found = [];
      let at = 0;
      for (let i = 0; at < pcm.length; at += pieces[i++ % pieces.length]) {
        found.push(...resampler.push(Float32Array.from(pcm.slice(at, at + pieces[i % pieces.length]))));
      }
      return [...found, ...resampler.flush()];
    });
  },
  logmel: ({ pcm, settings }) => plain(new library.LogMel(settings).push(Float32Array.from(pcm))),
  embed: async ({ folder, file, pcm, pieces }) => {
    const manifest = library.parseManifest(readFileSync(join(folder, "manifest.json"), "utf8"));
    const artifact = manifest.artifacts.find((one) => one.file === file) ?? library.forListening(manifest);
    const encoder = await library.Encoder.of(artifact, readFileSync(join(folder, artifact.file)));
    const found = [];
    let at = 0;
    for (let i = 0; at < pcm.length; at += pieces[i++ % pieces.length]) {
      found.push(...(await encoder.push(Float32Array.from(pcm.slice(at, at + pieces[i % pieces.length])))));
    }
    return found.map((one) => ({ ...one, vector: Array.from(one.vector), learned: one.learned.length,
      scores: Object.fromEntries(Object.entries(one.scores).map(([name, scores]) => [name, Array.from(scores)])) }));
  },
  manifest: ({ text }) => library.forListening(library.parseManifest(text)),
  teach: ({ examples, asked, threshold, levels }) => {
    let sounds = new library.Prototypes("x", threshold);
    for (const [name, vector] of examples) sounds = sounds.taught(name, Float32Array.from(vector));
    const teaching = new library.Teaching();
    const present = new library.Present(3);
    asked.forEach((vector, i) => teaching.add(Float32Array.from(vector), levels[i]));
    return {
      json: sounds.toJson(),
      again: library.Prototypes.fromJson(sounds.toJson(), "x", asked[0].length).toJson() === sounds.toJson(),
      matches: asked.map((vector) => sounds.nearest(Float32Array.from(vector))),
      example: Array.from(teaching.example()),
      present: asked.map((vector, i) => Array.from(present.add(Float32Array.from(vector), levels[i]))),
    };
  },
  readSounds: ({ text, sha256, size, folder }) => {
    const about = folder ? library.parseManifest(readFileSync(join(folder, "manifest.json"), "utf8")).background : null;
    const comparison = library.comparisonOf(about, about && readFileSync(join(folder, about.file)));
    const sounds = library.Prototypes.fromJson(text, sha256, size, comparison);
    const axes = Array.from({ length: size }, (_, axis) => Float32Array.from({ length: size }, (_, i) => +(i === axis)));
    const nearest = axes.map((axis) => sounds.nearest(axis)).filter(Boolean);
    return { counts: [...sounds.counts], threshold: sounds.threshold,
      nearest: nearest.map(({ name, distance }) => [name, distance]), known: nearest.map(({ known }) => known) };
  },
  writeSounds: ({ sha256, names, size }) => {
    let [sounds, at] = [new library.Prototypes(sha256, 0.3), 0];
    for (const [name, count] of names) {
      for (let i = 0; i < count; i++, at++) {
        sounds = sounds.taught(name, Float32Array.from({ length: size }, (_, j) => (j === at ? 0.7 : 0.1)));
      }
    }
    return sounds.toJson();
  },
  statistics: ({ rounds }) => ({ ...library.median(rounds), p90: library.percentile(rounds.flat(), 90),
    slowdown: library.slowdown(rounds.flat()) }),
  wav: ({ path }) => {
    const bytes = readFileSync(path);
    const read = library.readWav(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    return { rate: read.sampleRateHz, pcm: Array.from(read.pcm) };
  },
};

const { question, ...given } = JSON.parse(readFileSync(0, "utf8"));
try {
  process.stdout.write(JSON.stringify({ answer: await answers[question](given) }));
} catch (error) {
  process.stdout.write(JSON.stringify({ error: `${error.name}: ${error.message}` }));
}
