"""Train an encoder on recordings without labels, and see what labels it can predict.

python examples/train.py [FOLDER LABELS.csv]
"""

import sys

import tiny_audio_ssl


def main(recordings: str, labels: str) -> None:
    result = tiny_audio_ssl.pretrain(
        recordings, "runs/example", task="audio2vec-cbow", steps=100, batch_size=16
    )
    print(f"{result.step} steps; the run is in runs/example")
    for score in tiny_audio_ssl.probe("runs/example", data=labels, label="label"):
        low, high = score.interval
        print(f"{score.model}: accuracy {score.accuracy:.2f} [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["builtin:8", "builtin:8"])
