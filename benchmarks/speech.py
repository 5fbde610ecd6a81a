"""Measure what encoders know of speech: phones by ABX error and PNMI, voices, emotions.

pip install pocketsphinx==5.1.1 espeakng-loader==0.2.4
python benchmarks/speech.py DATA cpc=runs/cpc-0 cpc=runs/cpc-1 small=small

A name that is given several times has runs of several seeds. Spoken words are aligned and speech is
synthesized if the files do not exist yet. What was measured is kept, so it may be stopped and
started again. DATA is laid out as `suites/small.toml` describes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import alignments
import made_speech
import torch
import tyro
from kept import kept
from rich.console import Console
from rich.table import Table
from speech_measures import COMPARED, EER, PROBES, FrameStatistics, Measures, of_phones, of_voices

import tiny_audio_ssl
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel, load
from tiny_audio_ssl.embedding.frames import FrameModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.models import LogMelStatistics, random_weights
from tiny_audio_ssl.evaluation.speech.frame_models import (
    EncoderFrames,
    UnitIds,
    log_mel_frames,
    mfcc_frames,
    own_units,
)
from tiny_audio_ssl.evaluation.speech.measure import SpokenPhones, open_phones
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import ReadoutPart
from tiny_audio_ssl.utils.files import write_json, write_rows

HERE = Path(__file__).parent
RANDOM = "random weights"
TRAINED_PART: tuple[ReadoutPart, ...] = ("last",)  # of an embedding, which phones are measured on


@dataclass(frozen=True)
class Speech:
    """Write one row for each model and seed."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with keywords/meta.csv and the labeled manifests."""
    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """NAME=RUN of encoders; runs of several seeds share a name."""
    out: Path = Path("runs/speech")
    """Folder for alignments, synthetic speech and scores."""
    csv: Path = HERE / "results" / "speech.csv"
    suite: Path = HERE / "suites" / "small.toml"
    hop_ms: float = 20.0
    """Time between frames; shorter phones are left out. 10 ms takes four times as long."""
    window_ms: float = 95.0
    """Length of the sound that a frame is computed from, the same for all encoders."""
    units: int = 50
    """Clusters for PNMI."""


@dataclass(frozen=True)
class Subject:
    """A row of the table before it is measured: a model of frames, and one of whole recordings."""

    name: str
    frames: FrameModel
    whole: EmbeddingModel
    encoder: str = ""
    seed: int | Literal[""] = ""
    steps: int | Literal[""] = ""


@dataclass(frozen=True)
class Sounds:
    """Everything that is listened to, opened when something is measured on it."""

    speech: Speech

    @cached_property
    def phones(self) -> Mapping[str, SpokenPhones]:
        """Return sets of phones by name; aligned and synthesized if they do not exist yet."""
        words, made = self.speech.out / "keywords.item", self.speech.out / "made"
        manifest = self.speech.data / "keywords" / "meta.csv"
        if not words.exists():
            alignments.main(alignments.Alignments(manifest, words))
        if not (made / "phones.item").exists():
            made_speech.main(made_speech.MadeSpeech(made))
        shortest_s = self.speech.hop_ms / 1000
        return {
            "keywords": open_phones(words, manifest.parent, shortest_s=shortest_s),
            "made": open_phones(made / "phones.item", shortest_s=shortest_s),
        }

    @cached_property
    def tasks(self) -> Mapping[str, OpenedTask]:
        """Return tasks of the suite by name."""
        wanted = {*PROBES.values(), *EER.values()}
        found = read_suite(self.speech.suite, self.speech.data)
        return {task.name: open_task(task) for task in found if task.name in wanted}


def main(wanted: Speech) -> None:
    """Measure all models, and write the table."""
    sounds = Sounds(wanted)
    rows = [row(wanted, subject, sounds) for subject in subjects(wanted)]
    write_rows(wanted.csv, rows)
    show(rows)


def subjects(wanted: Speech) -> Iterator[Subject]:
    """Yield what is measured, in the order of the table: baselines, then encoders.

    Each encoder's random weights have the seeds of its runs. Raises `UserError` for a word that is
    no NAME=RUN, and for two runs of one name, encoder and seed.
    """
    yield Subject("MFCC", mfcc_frames(), FrameStatistics(mfcc_frames()))
    yield Subject("log-mel", log_mel_frames(), LogMelStatistics())
    found = [opened(wanted, word) for word in wanted.models]
    untrained: dict[tuple[str, int], Subject] = {}
    for subject in found:
        assert isinstance(subject.whole, Embedder) and isinstance(subject.seed, int)
        own = random_weights(subject.whole, subject.seed)
        made = of_encoder(wanted, RANDOM, own, subject.encoder, subject.seed, 0)
        untrained.setdefault((subject.encoder, subject.seed), made)
    keys = [(one.name, one.encoder, one.seed) for one in found]
    if twice := {key for key in keys if keys.count(key) > 1}:
        name, encoder, seed = sorted(twice)[0]
        raise UserError(f"{name}: two runs with encoder {encoder} and seed {seed}; rename one")
    yield from [*untrained.values(), *found]


def opened(wanted: Speech, word: str) -> Subject:
    """Open NAME=RUN."""
    name, equals, run = word.partition("=")
    if not (name and equals and run):
        raise UserError(f"{word!r}: expected NAME=RUN, as first=runs/first")
    training = checkpoint.load(run).run.get("training", {})
    model = load(run)
    encoder = model.model.encoder.config
    kind = encoder.name if encoder.width == 1 else f"{encoder.name} x {encoder.width:g}"
    seed, steps = training.get("seed", 0), training.get("steps", 0)
    return of_encoder(wanted, name, model, kind, seed, steps, own_units(run, model))


def of_encoder(
    wanted: Speech,
    name: str,
    model: Embedder,
    encoder: str,
    seed: int,
    steps: int,
    units: UnitIds | None = None,
) -> Subject:
    """Return the subject of an encoder: frames of its last layer, and whole embeddings."""
    network = model.model
    config = replace(network.encoder.config, readout=TRAINED_PART)
    last = checkpoint.build_model(network.frontend.config, config)
    last.load_state_dict(network.state_dict())
    frames = EncoderFrames(Embedder(last, name=name), wanted.window_ms, units)
    return Subject(name, frames, model, encoder, seed, steps)


def row(wanted: Speech, subject: Subject, sounds: Sounds) -> dict[str, Any]:
    """Measure a subject, or read what an earlier start has measured."""
    about = {
        "model": subject.name,
        "encoder": subject.encoder,
        "seed": subject.seed,
        "steps": subject.steps,
        "hop_ms": wanted.hop_ms,
        "window_ms": wanted.window_ms if subject.encoder else "",
    }
    phones = ["phones", subject.frames.identity, wanted.hop_ms, wanted.units, str(COMPARED)]
    if isinstance(subject.frames, EncoderFrames) and subject.frames.units:
        phones.append("own units")
    voices = ["voices", subject.whole.identity]

    def of_frames() -> Measures:
        return of_phones(subject.frames, sounds.phones, wanted.hop_ms, wanted.units)

    def of_recordings() -> Measures:
        return of_voices(subject.whole, sounds.tasks)

    def read_json(file: Path) -> Measures:
        found: Measures = json.loads(file.read_text(encoding="utf-8"))
        return found

    measures = {
        **kept(wanted.out, phones, of_frames, write_json, read_json),
        **kept(wanted.out, voices, of_recordings, write_json, read_json),
    }
    figures = {name: round(value, 4) for name, value in measures.items()}
    versions = {"torch": torch.__version__, "tiny_audio_ssl": tiny_audio_ssl.__version__}
    return {
        **about,
        **figures,
        "units": wanted.units,
        "device": device_name(),
        "threads": torch.get_num_threads(),
        **versions,
    }


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print the table."""
    measures = [name for name in rows[0] if name.startswith(("abx", "pnmi", "eer", "emotion"))]
    table = Table("model", "encoder", "seed", *measures)
    for one in rows:
        cells = (one["model"], one["encoder"], str(one["seed"]))
        table.add_row(*cells, *(f"{one[name]:.3f}" for name in measures))
    Console(width=180).print(table)


if __name__ == "__main__":
    main(tyro.cli(Speech, description=__doc__))
