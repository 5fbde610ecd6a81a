"""Find the moments of a long recording at which a sound is heard, by one example of it.

python examples/find_moments.py [LONG.wav EXAMPLE.wav]
"""

import sys

import numpy as np
import soundfile
import torch

import tiny_audio_ssl
from tiny_audio_ssl import hear


def main(long: np.ndarray, example: np.ndarray) -> None:
    model = hear.load_model("small")
    moments, times_ms = hear.get_timestamp_embeddings(torch.from_numpy(long)[None], model)
    wanted = hear.get_scene_embeddings(torch.from_numpy(example)[None], model)
    middle = moments[0].mean(dim=0)
    similarity = torch.cosine_similarity(moments[0] - middle, wanted - middle)
    best = int(similarity.argmax())
    print(f"best match at {times_ms[0, best] / 1000:.2f} s, cosine {similarity[best]:.2f}")


def samples(path: str) -> np.ndarray:
    wave, rate_hz = soundfile.read(path, dtype="float32")
    if (rate_hz, wave.ndim) != (hear.CheckpointModel.sample_rate, 1):
        raise tiny_audio_ssl.UserError(f"{path}: expected mono at 16 kHz")
    return wave


if __name__ == "__main__":
    paths = sys.argv[1:]
    if not paths:  # four built-in sounds, and the third of them
        paths = [str(row["path"]) for row in tiny_audio_ssl.embed("small", "builtin:1").rows[:4]]
        main(np.concatenate([samples(path) for path in paths]), samples(paths[2]))
    else:
        main(*map(samples, paths))
