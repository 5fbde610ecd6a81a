"""Export an encoder, check the artifact, and run it with ONNX Runtime alone, as an app would.

python examples/export_and_run.py [RUN]
"""

import json
import sys

import numpy as np
import onnxruntime

import tiny_audio_ssl


def main(run: str) -> None:
    result = tiny_audio_ssl.export(
        run, "runs/example-export", format="onnx", precision="int8", input="waveform"
    )
    print(f"agrees with the model: {result.ok}; intact: {tiny_audio_ssl.verify(result.folder).ok}")

    # From here on nothing of this library: the manifest has all that an app needs.
    manifest = json.loads(result.manifest.read_text())
    artifact = manifest["artifacts"][0]
    session = onnxruntime.InferenceSession(result.folder / artifact["file"])
    window = np.zeros((1, manifest["window_samples"]), np.float32)
    (embedding,) = session.run(["embedding"], {artifact["input"]["name"]: window})
    print(f"{artifact['file']}: an embedding of {embedding.shape[1]} numbers")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["tiny"])
