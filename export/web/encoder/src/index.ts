export { Background, Comparison, comparisonOf } from "./comparison.js";
export {
  Encoder,
  readArtifact,
  readBackground,
  readManifest,
  runtimeVersion,
  type Embedding,
  type OpenOptions,
} from "./encoder.js";
export { Framer, type Frame } from "./framer.js";
export { LogMel } from "./logmel.js";
export {
  forListening,
  hears,
  ManifestError,
  parseManifest,
  type Artifact,
  type BackgroundFile,
  type FrontendSettings,
  type Head,
  type Manifest,
} from "./manifest.js";
export { measure, type Timing, type TimingOptions } from "./measure.js";
export { Prototypes, SoundsError, type Match } from "./prototypes.js";
export { resample, Resampler } from "./resampler.js";
export { median, percentile, slowdown, type Interval } from "./statistics.js";
export { Present, Teaching } from "./teaching.js";
export { rms } from "./vectors.js";
export { isWav, readWav, WavError, type Recording } from "./wav.js";
