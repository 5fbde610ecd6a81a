"""Compare an encoder with an embedding of your own: any object with these four attributes.

python examples/compare_models.py [LABELS.csv]
"""

import sys

import numpy as np

import tiny_audio_ssl


class BandEnergies:
    """Logarithm of the energy in equal bands of the spectrum."""

    name = "band energies"
    dim = 32
    identity = "band energies, version 1"  # change it with the code: embeddings are kept by it

    def embed(self, waves: np.ndarray) -> np.ndarray:
        """[B, samples], 16 kHz, -1..1 -> [B, dim]"""
        power = np.abs(np.fft.rfft(waves)) ** 2
        bands = np.array_split(power, self.dim, axis=1)
        energies = np.stack([band.mean(axis=1) for band in bands], axis=1)
        return np.log(energies + 1e-6).astype(np.float32)


def main(labels: str) -> None:
    models = [BandEnergies(), "small", "logmel"]
    for score in tiny_audio_ssl.probe(models, data=labels, label="label", baselines=False):
        print(f"{score.model}: {score.accuracy:.2f}, by {score.interval_is}")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["builtin:8"])
