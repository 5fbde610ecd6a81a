// Builds the page into tiny_audio_ssl/export/page/, and the library into encoder/dist/.
//
//     npm ci && npm run build
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;
const target = join(here, "../../tiny_audio_ssl/export/page");
const ort = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));
const COPIED = ["index.html", "icon.svg", "icon-180.png", "icon-192.png", "icon-512.png", "app.webmanifest"];
const RUNTIME = ["ort-wasm-simd-threaded.wasm", "ort-wasm-simd-threaded.mjs"];

const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  charset: "utf8",
  target: "es2022",
  legalComments: "none", // LICENSES.txt has them
  logLevel: "warning",
};

rmSync(target, { recursive: true, force: true });
mkdirSync(join(target, "runtime"), { recursive: true });
await build({
  ...shared,
  format: "esm",
  conditions: ["onnxruntime-web-use-extern-wasm"], // its .wasm and .mjs are files of the page
  outdir: target,
  entryPoints: {
    main: "page/main.ts",
    "encoder-worker": "page/workers/encoder.ts",
    capture: "page/workers/capture.ts",
    style: "page/style.css",
  },
});
await build({ ...shared, format: "iife", outdir: target, entryPoints: { service: "page/workers/service.ts" } });
for (const name of COPIED) copyFileSync(join(here, "page", name), join(target, name));
for (const name of RUNTIME) copyFileSync(join(ort, name), join(target, "runtime", name));
writeFileSync(join(target, "LICENSES.txt"), readFileSync(join(here, "LICENSES.txt")));

await build({
  ...shared,
  minify: false,
  format: "esm",
  external: ["onnxruntime-web/wasm"],
  outdir: join(here, "encoder/dist"),
  entryPoints: { index: "encoder/src/index.ts" },
});
