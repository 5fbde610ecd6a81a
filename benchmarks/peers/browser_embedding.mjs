// Windows of sound in, learned parts of embeddings out, as float32 through stdin and stdout, by the
// library of the page for browsers: node browser_embedding.mjs FOLDER/ARTIFACT.onnx
import { readFileSync, readSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Encoder, parseManifest } from "../../export/web/encoder/dist/index.js";

const path = process.argv[2];
const manifest = parseManifest(readFileSync(join(dirname(path), "manifest.json"), "utf8"));
const artifact = manifest.artifacts.find(({ file }) => file === basename(path));
const encoder = await Encoder.of(artifact, readFileSync(path));
const window = new Float32Array(artifact.inputShape.at(-1));

while (filled(new Uint8Array(window.buffer))) {
  await encoder.reset();
  const [{ learned }] = await encoder.push(window);
  const bytes = new Uint8Array(learned.slice().buffer);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

function filled(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(0, bytes, at, bytes.length - at, null);
    if (!count) return false;
    at += count;
  }
  return true;
}
