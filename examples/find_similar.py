"""Find, for each recording of a folder, the one that sounds most like it.

python examples/find_similar.py [FOLDER]
"""

import sys
from pathlib import Path

import numpy as np

import tiny_audio_ssl


def main(source: str) -> None:
    found = tiny_audio_ssl.embed("small", source)
    vectors = found.vectors - found.vectors.mean(axis=0)  # what all have in common tells nothing
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)  # each is most like itself
    for row, own in zip(found.rows, similarity, strict=True):
        nearest = Path(found.rows[own.argmax()]["path"]).name
        print(f"{Path(row['path']).name}: {nearest}, cosine {own.max():.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["builtin:4"])
