"""How well a distance tells a weak degradation from a strong one, of kinds never trained on.

A run of `cdpam` on `free_speech` and `free_sounds` stands beside the difference of log-mels.

Two alternatives: of two versions of a recording, one with a weak and one with a strong degradation
of the same kind, the weak one must be nearer to the reference. The reference is the recording
itself, or another one of the same corpus: then only a distance that looks past the content helps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from byproduct_settings import ByProducts
from enhancement_measures import Row, manifest, trained
from numpy.typing import NDArray

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.export.product_model import ProductModel, load_product
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.configs.cdpam import CdpamConfig

WINDOW = 15_600
CLIPS = {"keywords": 60, "esc50": 60, "instruments": 60}  # folders, and recordings of each
SMALLEST_GAP = 0.2  # between two strengths, 0 to 1
PACKET = 320  # samples that are lost at a time
FEWEST_BITS, MOST_BITS = 3.0, 12.0
LOWEST_HZ, HIGHEST_HZ = 1_000.0, 8_000.0

Wave = NDArray[np.float32]
Degradation = Callable[[Wave, float, np.random.Generator], Wave]
Distance = Callable[[Wave, Wave], float]


def quantization(wave: Wave, strength: float, rng: np.random.Generator) -> Wave:
    """Round to 12 down to 3 bits of the recording's peak."""
    steps = 2 ** (MOST_BITS - strength * (MOST_BITS - FEWEST_BITS)) / 2
    peak = float(np.abs(wave).max()) or 1.0
    return (np.round(wave / peak * steps) / steps * peak).astype(np.float32)


def low_pass(wave: Wave, strength: float, rng: np.random.Generator) -> Wave:
    """Remove what is above 8 kHz down to 1 kHz."""
    highest_hz = HIGHEST_HZ * (LOWEST_HZ / HIGHEST_HZ) ** strength
    spectrum = np.fft.rfft(wave)
    spectrum[np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE_HZ) > highest_hz] = 0
    return np.fft.irfft(spectrum, len(wave)).astype(np.float32)


def lost_packets(wave: Wave, strength: float, rng: np.random.Generator) -> Wave:
    """Silence up to half of the packets of 20 ms; a stronger loss contains a weaker one."""
    lost = rng.random(-(-len(wave) // PACKET)) < strength / 2
    return np.where(np.repeat(lost, PACKET)[: len(wave)], 0, wave).astype(np.float32)


HELD_OUT: dict[str, Degradation] = {
    "quantization": quantization,
    "low-pass": low_pass,
    "lost packets": lost_packets,
}


def of_distance(wanted: ByProducts) -> Iterator[Row]:
    """Yield a row for each distance, degradation and reference."""
    run = trained(wanted, "cdpam", manifest(wanted), CdpamConfig())
    distances: dict[str, Distance] = {
        "log-mel difference": log_mel_difference,
        "cdpam": of_product(load_product(run)),
    }
    corpora = [recordings(wanted.data / folder, count) for folder, count in CLIPS.items()]
    for name, distance in distances.items():
        for kind, degradation in HELD_OUT.items():
            for another in (False, True):
                right = [
                    answer
                    for waves in corpora
                    for answer in answers(distance, degradation, waves, another)
                ]
                yield {
                    "system": name,
                    "steps": wanted.steps if name == "cdpam" else "",
                    "on": f"{kind}, beside {'another recording' if another else 'itself'}",
                    "sounds": len(right),
                    "two_alternative_accuracy": round(float(np.mean(right)), 3),
                }


def answers(
    distance: Distance, degradation: Degradation, waves: list[Wave], another: bool
) -> Iterator[bool]:
    """Yield for each recording whether its weakly degraded version is the nearer one."""
    for index, wave in enumerate(waves):
        rng = np.random.default_rng(index)
        strong = rng.uniform(SMALLEST_GAP, 1)
        weak = rng.uniform(0, strong - SMALLEST_GAP)
        seed = int(rng.integers(2**31))
        versions = [degradation(wave, s, np.random.default_rng(seed)) for s in (weak, strong)]
        reference = waves[(index + 1) % len(waves)] if another else wave
        near, far = (distance(reference, version) for version in versions)
        yield near < far


def recordings(folder: Path, count: int) -> list[Wave]:
    """Return windows of 0.975 s of recordings that are that long, spread over the folder."""
    files = sorted(folder.rglob("*.flac"))
    found = [audio.read(file)[:WINDOW] for file in files[:: max(1, len(files) // (2 * count))]]
    return [wave for wave in found if len(wave) == WINDOW and np.abs(wave).max() > 0.01][:count]


def of_product(product: ProductModel) -> Distance:
    return lambda first, second: float(product(first, second)["distance"][0])


@torch.no_grad()
def log_mel_difference(first: Wave, second: Wave) -> float:
    """Return the mean magnitude of the difference of both log-mels."""
    one, other = LogMel()(torch.from_numpy(np.stack([first, second])))
    return float((one - other).abs().mean())
