"""Export: a checkpoint becomes artifacts for ExecuTorch and ONNX, checked against the model.

Settings and procedure:

- `config`: every setting of an export
- `recipe`: settings from a TOML file
- `exporter`: export a run to a folder
- `artifact_builder`: make, compare and describe one artifact

Making an artifact:

- `forms`: the available formats, precisions and inputs
- `equalize`: similar ranges for all channels, before quantization
- `lowering`: rewrite a model with operators that mobile runtimes support
- `to_executorch`, `to_onnx`: write the file
- `quantize`, `half`, `weights_only`: int8, 16-bit float, int8 weights
- `shapes`: windows of several lengths, several at a time
- `heads`: linear classifiers behind the encoder
- `products`: outputs of a task beside the embedding
- `product_model`: these outputs from Python, of a run or an artifact
- `precision_search`: the smallest precision that meets a target
- `streaming`: artifacts for a live microphone
- `training`: artifacts that train on a device

Checking and describing it:

- `recordings`, `windows`: sound for calibration and comparison
- `parity`: distance between artifact and model
- `runtimes`: run an artifact
- `profile`: time spent outside the fast path
- `reference`: outputs for clips that any device can compute
- `manifest`, `manifest_content`: manifest.json
- `model_card`: MODEL_CARD.md
- `model_folder`, `model_folder_card`: the weights of a run for sharing, and their card
- `publish`: upload them to a model hub
- `replaceable`: the files that a repeated export may replace
- `verify`: check that an export is unchanged
- `artifact_model`: an artifact as a model to probe
- `android`: copy artifacts into an Android project
"""

from tiny_audio_ssl.utils.callable_package import make_callable

make_callable(__name__, "tiny_audio_ssl.export.exporter:export")
