"""Teach sounds by a few examples, as the Android app does: which limit makes other sounds unknown?

python benchmarks/few_shot.py DATA runs/quality/cola-augmented-mobile runs/quality/...
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.export.config import ExportConfig
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "few_shot.csv"
LIMITS = np.concatenate([np.arange(1, 21), np.arange(25, 51, 5)]) / 100
RULES = ("raw", "centered", "standardized")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FewShot:
    """Write a row for each run, kind of sound, number of examples, way to compare, and limit."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with the labeled manifests."""
    runs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    csv: Path = RESULTS
    taught: int = 5
    """Number of taught sounds, drawn anew with each seed; all others should be unknown."""
    examples: tuple[int, ...] = (3, 5)
    seeds: int = 20


class Found(NamedTuple):
    """Answers of the app for every tested moment."""

    distance: Floats  # to the nearest taught sound
    right: NDArray[np.bool_]  # whether it is that sound
    taught: NDArray[np.bool_]  # whether it is one of the taught sounds
    weight: Floats  # the moments of a recording add up to one


def main(wanted: FewShot) -> None:
    tasks = [open_task(task) for task in tasks_of(wanted.data)]
    rows = [row for run in wanted.runs for row in rows_of(run, tasks, wanted)]
    write_rows(wanted.csv, rows)
    show(rows)


def tasks_of(data: Path) -> list[EvaluationTask]:
    """Return 49 environmental sounds (one of 50 is a single recording), and nine words."""
    several = ("category!=washing_machine",)
    sounds, words = str(data / "esc50" / "meta.csv"), str(data / "keywords" / "meta.csv")
    return [
        EvaluationTask(
            "environmental sounds", sounds, label="category", group="src_file", where=several
        ),
        EvaluationTask("words", words, label="word", group="speaker"),
    ]


def rows_of(run: Path, tasks: list[OpenedTask], wanted: FewShot) -> Iterator[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        config = ExportConfig(("onnx",), ("int8",), ("stream",))  # what the app listens with
        (artifact,) = export(run, Path(folder) / "out", config).artifacts
        stream = Stream.open(artifact.path)
        heard = {task.task.name: [loud(stream, wave) for wave in waves(task)] for task in tasks}
    means = np.array([clip.mean(axis=0) for clips in heard.values() for clip in clips])
    shift = dict(zip(RULES, (0, means.mean(axis=0), means.mean(axis=0)), strict=True))
    scale = dict(zip(RULES, (1, 1, means.std(axis=0) + 1e-6), strict=True))
    for task in tasks:
        for rule in RULES:
            clips = [(clip - shift[rule]) / scale[rule] for clip in heard[task.task.name]]
            for examples in wanted.examples:
                found = tried(clips, task, examples, wanted)
                about = {"run": run.name, "task": task.task.name, "examples": examples}
                yield from ({**about, "rule": rule, **rates(found, limit)} for limit in LIMITS)


def waves(task: OpenedTask) -> Iterator[NDArray[np.float32]]:
    return (task.recordings.read(i) for i in range(len(task)))


def loud(stream: Stream, wave: NDArray[np.float32]) -> Floats:
    """Embed [moments, D], without those below half the loudest level, as the app's `Teaching`."""
    stream.reset()
    packets = np.pad(wave, (0, -len(wave) % stream.packet_samples))
    vectors = np.array([found.embedding for found in stream.push(packets)], np.float64)
    level = np.sqrt(np.square(packets.reshape(len(vectors), -1)).mean(axis=1))
    kept: Floats = vectors[level >= level.max() / 2]
    return kept


def tried(clips: list[Floats], task: OpenedTask, examples: int, wanted: FewShot) -> Found:
    """Teach some sounds and test all others; recordings of a taught group are not tested."""
    means = np.array([unit(clip.mean(axis=0)) for clip in clips])
    moments = unit(np.concatenate(clips))
    clip = np.repeat(np.arange(len(clips)), [len(one) for one in clips])
    weight = 1 / np.bincount(clip)[clip]
    groups = np.array(task.groups)
    found = []
    for seed in range(wanted.seeds):
        rng = np.random.default_rng(seed)
        sounds = rng.choice(len(task.classes), wanted.taught, replace=False)
        shown = [rng.choice(np.flatnonzero(task.truth == s), examples, False) for s in sounds]
        prototypes = np.array([unit(means[picked].sum(axis=0)) for picked in shown])
        tested = ~np.isin(groups, groups[np.concatenate(shown)])[clip]
        truth = task.truth[clip[tested]]
        distance = 1 - moments[tested] @ prototypes.T
        right = sounds[distance.argmin(axis=1)] == truth
        taught = np.isin(truth, sounds)
        found.append(Found(distance.min(axis=1), right, taught, weight[tested]))
    return Found(*map(np.concatenate, zip(*found, strict=True)))


def rates(found: Found, limit: float) -> dict[str, float]:
    """Return shares of taught sounds (correct, wrong, unknown) and of others (unknown)."""
    known = found.distance <= limit
    of_taught, of_others = found.weight * found.taught, found.weight * ~found.taught
    correct = float(of_taught[known & found.right].sum() / of_taught.sum())
    wrong = float(of_taught[known & ~found.right].sum() / of_taught.sum())
    rejected = float(of_others[~known].sum() / of_others.sum())
    shares = {"correct": correct, "wrong": wrong, "unknown": 1 - correct - wrong}
    shares |= {"others_unknown": rejected, "balanced": (correct + rejected) / 2}
    return {"limit": float(limit)} | {name: round(share, 4) for name, share in shares.items()}


def unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))


def show(rows: list[dict[str, Any]]) -> None:
    """Print the mean over runs and numbers of examples."""
    shares = ("correct", "wrong", "others_unknown", "balanced")
    table = Table("task", "rule", "limit", *shares)
    for about in dict.fromkeys((row["task"], row["rule"], row["limit"]) for row in rows):
        mine = [row for row in rows if (row["task"], row["rule"], row["limit"]) == about]
        means = [f"{np.mean([row[share] for row in mine]):.3f}" for share in shares]
        table.add_row(*map(str, about), *means)
    Console().print(table)


if __name__ == "__main__":
    main(tyro.cli(FewShot, description=__doc__))
