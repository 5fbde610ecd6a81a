// Time .onnx artifacts in ONNX Runtime Web: WebAssembly with SIMD, one thread, in Node.
//
//     npm install onnxruntime-web
//     node benchmarks/wasm.mjs ARTIFACT.onnx ... > wasm.csv
//
// All artifacts take turns, one run each, on noise. The fastest run and the median count.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { basename } from "node:path";

const ort = createRequire(process.cwd() + "/")("onnxruntime-web");
ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";
const [warmUp, runs] = [5, 30];

function noise(size) {
  let state = 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 0.2 * (state / 2 ** 32 - 0.5);
  });
}

async function open(file) {
  const session = await ort.InferenceSession.create(readFileSync(file), { executionProviders: ["wasm"] });
  const { name, shape } = session.inputMetadata[0];
  const dims = shape.map((size) => (typeof size === "number" ? size : 1)); // the batch has a name
  const data = noise(dims.reduce((product, size) => product * size, 1));
  return { file, session, feeds: { [name]: new ort.Tensor("float32", data, dims) }, times: [] };
}

const artifacts = [];
for (const file of process.argv.slice(2)) artifacts.push(await open(file));
for (let run = 0; run < warmUp + runs; run++) {
  for (const { session, feeds, times } of artifacts) {
    const began = performance.now();
    await session.run(feeds);
    if (run >= warmUp) times.push(performance.now() - began);
  }
}
console.log("artifact,runtime,version,runs,p50_ms,min_ms");
for (const { file, times } of artifacts) {
  times.sort((a, b) => a - b);
  const figures = [times[runs >> 1], times[0]].map((ms) => ms.toFixed(4));
  console.log([basename(file), "onnxruntime-web", ort.env.versions.web, runs, ...figures].join());
}
