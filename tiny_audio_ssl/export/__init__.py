"""Export: a checkpoint becomes artifacts for ExecuTorch and ONNX, checked against the model.

Settings and the way through:

- `config`: every setting of an export
- `recipe`: settings from a TOML file
- `exporter`: a run in, an export folder out
- `artifact_builder`: make one artifact, compare it, describe it

Making an artifact:

- `forms`: formats, precisions and inputs that there are
- `equalize`: channels of like ranges, before quantization
- `lowering`: rewrite a model to operators that a mobile runtime takes
- `to_executorch`, `to_onnx`: write the file
- `quantize`, `half`, `weights_only`: int8, 16-bit float, int8 weights
- `shapes`: windows of several lengths, several at a time
- `heads`: linear classifiers behind the encoder
- `products`: what a task gives beside the embedding
- `product_model`: the same from Python, of a run or an artifact
- `precision_search`: the smallest precision that is good enough
- `streaming`: artifacts for a live microphone
- `training`: artifacts that train on a device

Checking and describing it:

- `recordings`, `windows`: sound to quantize by and to compare on
- `parity`: distance between artifact and model
- `runtimes`: run an artifact
- `profile`: time spent outside the fast path
- `reference`: outputs for clips that any device can make
- `manifest`, `manifest_content`: manifest.json
- `model_card`: MODEL_CARD.md
- `model_folder`, `model_folder_card`: a run's weights to pass on, with a card of their own
- `publish`: upload them to a model hub
- `replaceable`: what a repeated export may replace
- `verify`: check that an export is unchanged
- `artifact_model`: an artifact as a model to probe
- `android`: copy artifacts into an Android project
"""

from tiny_audio_ssl.utils.callable_package import make_callable

make_callable(__name__, "tiny_audio_ssl.export.exporter:export")
