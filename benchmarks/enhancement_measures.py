"""How much enhancement and separation improve mixtures of real recordings.

Speech to train on is `free_speech`, noise is `free_sounds` without the authors of a fifth of its
files; speech to measure on is that of other speakers (LibriSpeech, in `speakers`), and noise is
that fifth.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from byproduct_settings import ByProducts
from kept import is_trained
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.pretext.configs.enhancement import SpeechEnhancementConfig
from tiny_audio_ssl.pretext.configs.separation import MixItConfig, SeparationConfig
from tiny_audio_ssl.pretext.parts import distort, sound_error
from tiny_audio_ssl.pretext.parts.masks import Masking
from tiny_audio_ssl.pretext.tasks.separation import best_assignment
from tiny_audio_ssl.training.run_settings import settings_of
from tiny_audio_ssl.training.run_task import load_task
from tiny_audio_ssl.training.runs import pretrain, resume
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import read_rows

SNR_DB = (0.0, 5.0, 10.0)  # of the mixtures that are measured, in turn
CORPUS = "librispeech_test_other"
HELD_OUT = 5  # one author of so many
Row = dict[str, Any]


@dataclass(frozen=True)
class Mixtures:
    """Sounds to find in mixtures of equal length."""

    parts: Tensor  # [n, 2, samples]: the sound, and noise or another sound
    mixture: Tensor  # [n, samples]


def of_other_speakers(wanted: ByProducts) -> Iterator[Row]:
    """Yield rows of enhancement, on speakers and noises that were not trained on."""
    mixtures = mixed(speech_of(wanted.data), noises(wanted.data), SNR_DB, wanted.seed)
    yield {"system": "mixture", "steps": "", **quality(mixtures.mixture, mixtures)}
    run = enhancing_run(wanted)
    yield {"system": "speech-enhancement", "steps": wanted.steps, **enhanced_by(run, mixtures)}
    yield {"system": "ideal mask", "steps": "", **quality(ideal(run, mixtures)[:, 0], mixtures)}


def of_two_sounds(wanted: ByProducts) -> Iterator[Row]:
    """Yield rows of separation: windows of speech with noise as loud, both to be found."""
    clips = speech_of(wanted.data)[:, :WINDOW_SAMPLES]
    mixtures = mixed(clips, noises(wanted.data), (0.0,), wanted.seed)
    sounds, begun = manifest(wanted), enhancing_run(wanted)
    runs = {
        "mixit": trained(wanted, "mixit", sounds, MixItConfig()),
        "separation": trained(wanted, "separation", sounds, SeparationConfig()),
        "separation, started from speech-enhancement": trained(
            wanted, "separation", sounds, SeparationConfig(), name="started", start=begun
        ),
    }
    yield {"system": "ideal mask", "steps": "", **both(ideal(begun, mixtures), mixtures)}
    for name, run in runs.items():
        found = sounds_of(run, mixtures.mixture)
        together = best_assignment(found, mixtures.parts) @ found
        yield {"system": name, "steps": wanted.steps, **both(together, mixtures)}


# --- runs ---------------------------------------------------------------------------------------


def trained(
    wanted: ByProducts,
    task: str,
    source: Path,
    config: PretextConfig,
    *,
    name: str = "",
    start: Path | None = None,
) -> Path:
    """Train a run, or what an earlier start has left of it."""
    run = wanted.out / f"{task}{'-' if name else ''}{name}-{wanted.steps}-{wanted.seed}"
    if is_trained(run, wanted.steps):
        return run
    if (run / "last").exists():
        resume(run)
    else:
        pretrain(
            source,
            run,
            start=start,
            task=task,
            pretext=config,
            steps=wanted.steps,
            batch_size=32,
            seed=wanted.seed,
        )
    return run


def enhancing_run(wanted: ByProducts) -> Path:
    """Return the run of `speech-enhancement` on speech and noise of others."""
    config = SpeechEnhancementConfig(kinds=True)
    return trained(wanted, "speech-enhancement", manifest(wanted), config)


def sounds_of(run: Path, mixture: Tensor) -> Tensor:
    """Return what the run's task finds in mixtures [n, samples]: [n, sounds, samples]."""
    task, loaded = opened(run)
    product = task.product(loaded.model.frontend, loaded.model.encoder)
    assert product is not None
    with torch.no_grad():
        found = torch.cat([product.module(part) for part in torch.split(mixture, 8)])
    return found if found.ndim == 3 else found.unsqueeze(1)


def ideal(run: Path, mixtures: Mixtures) -> Tensor:
    """Return the sounds behind ideal masks of the form that the run's task has: [n, 2, samples]."""
    task, _ = opened(run)
    samples = mixtures.mixture.shape[1]
    missing = task.masks.whole_samples(samples) - samples
    padded = [F.pad(x, (0, missing)) for x in (mixtures.mixture, mixtures.parts)]
    return task.oracle(*padded)[..., :samples]


def opened(run: Path) -> tuple[Masking, checkpoint.Checkpoint]:
    """Load a run and its task."""
    loaded = checkpoint.load(run)
    task, _ = load_task(loaded, settings_of(loaded))
    assert isinstance(task, Masking)
    return task.eval(), loaded


# --- measures -----------------------------------------------------------------------------------


def enhanced_by(run: Path, mixtures: Mixtures) -> Row:
    """Return the quality of mixtures that a run has enhanced."""
    return quality(sounds_of(run, mixtures.mixture)[:, 0], mixtures)


def quality(found: Tensor, mixtures: Mixtures) -> Row:
    """Return SI-SDR and its improvement in dB, PESQ (wideband) and STOI, means over the sounds."""
    pesq, stoi = require("pesq", "byproducts"), require("pystoi", "byproducts")
    true = mixtures.parts[:, 0]
    pairs = [(t.numpy(), f.numpy()) for t, f in zip(true, found, strict=True)]
    scores = {
        "si_sdr_db": float(sound_error.si_sdr(found, true).mean()),
        "improvement_db": float(sound_error.improvement(found, mixtures.mixture, true)),
        "pesq": np.mean([pesq.pesq(SAMPLE_RATE_HZ, t, f, "wb") for t, f in pairs]),
        "stoi": np.mean([pystoi_of(stoi, t, f) for t, f in pairs]),
    }
    return {"sounds": len(true), **{name: round(float(x), 3) for name, x in scores.items()}}


def pystoi_of(package: Any, true: np.ndarray, found: np.ndarray) -> float:
    """Return the short-time objective intelligibility, about 0..1."""
    return float(package.stoi(true, found, SAMPLE_RATE_HZ, extended=False))


def both(found: Tensor, mixtures: Mixtures) -> Row:
    """Return SI-SDR and improvement in dB, of both sounds of each mixture [n, 2, samples]."""
    alone = mixtures.mixture.unsqueeze(1).expand_as(mixtures.parts)
    scores = {
        "si_sdr_db": sound_error.si_sdr(found, mixtures.parts).mean(),
        "improvement_db": sound_error.improvement(found, alone, mixtures.parts),
    }
    return {"sounds": 2 * len(found), **{n: round(float(x), 3) for n, x in scores.items()}}


# --- sounds -------------------------------------------------------------------------------------


def manifest(wanted: ByProducts) -> Path:
    """Write the table of speech and noise to train on, by the column `kind`."""
    target = wanted.out / "speech_and_noise.csv"
    target.parent.mkdir(parents=True, exist_ok=True)
    speech, noise = wanted.data / "free_speech", wanted.data / "free_sounds"
    lines = [(speech / row["filename"], "speech") for row in table(speech)]
    lines += [(noise / row["filename"], "noise") for row in table(noise) if not is_held_out(row)]
    with target.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "kind"), *((p.resolve(), k) for p, k in lines)])
    return target


def table(folder: Path) -> list[dict[str, str]]:
    """Read the meta.csv of a folder."""
    return read_rows(folder / "meta.csv")


def is_held_out(row: Mapping[str, str]) -> bool:
    """Return whether nothing is trained on the sounds of this author."""
    author = row["author"] or row["title"]
    return int(hashlib.sha256(author.encode()).hexdigest(), 16) % HELD_OUT == 0


def speakers(data: Path) -> list[str]:
    """Return the speaker of each recording."""
    rows = table(data / "speakers")
    return [row["speaker"] for row in rows if row["corpus"] == CORPUS]


def speech_of(data: Path, speaker: str = "") -> Tensor:
    """Read recordings of one speaker, or of all, as long as the shortest: [n, samples]."""
    rows = [row for row in table(data / "speakers") if row["corpus"] == CORPUS]
    chosen = [row for row in rows if speaker in ("", row["speaker"])]
    return together([audio.read(data / "speakers" / row["filename"]) for row in chosen])


def noises(data: Path, count: int = 100, *, held_out: bool = True) -> Tensor:
    """Read sounds to mix in, repeated up to 4 s and cut: [count, samples]."""
    folder = data / "free_sounds"
    rows = [row for row in table(folder) if is_held_out(row) == held_out]
    chosen = rows[:: max(1, len(rows) // count)][:count]
    waves = [audio.read(folder / row["filename"]) for row in chosen]
    heard = [wave for wave in waves if np.square(wave).mean() > 1e-6]
    return together([np.resize(wave, 4 * SAMPLE_RATE_HZ) for wave in heard])


def together(waves: Sequence[np.ndarray]) -> Tensor:
    """Stack waveforms, cut to the shortest: [n, samples]."""
    shortest = min(map(len, waves))
    return torch.from_numpy(np.stack([wave[:shortest] for wave in waves]))


def mixed(clips: Tensor, noise: Tensor, snr_db: Sequence[float], seed: int) -> Mixtures:
    """Mix clips with noise that is drawn, at these levels in turn."""
    rng = torch.Generator().manual_seed(seed)
    samples = min(clips.shape[1], noise.shape[1])
    chosen = torch.randint(len(noise), (len(clips),), generator=rng)
    levels = torch.tensor([snr_db[i % len(snr_db)] for i in range(len(clips))])
    sound = clips[:, :samples]
    mixture = distort.add_noise(sound, noise[chosen, :samples], levels)
    return Mixtures(torch.stack([sound, mixture - sound], dim=1), mixture)
