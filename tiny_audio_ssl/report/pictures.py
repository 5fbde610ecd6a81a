"""Data of the map: some recordings of a task, placed by each model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.embedding.embedder import Floats
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask
from tiny_audio_ssl.report import maps
from tiny_audio_ssl.report.listening import Sounds

NEIGHBORS = 6
SYMBOLS = 63  # colors times shapes in page.js


@dataclass(frozen=True)
class Spot:
    """A recording on the map."""

    label: int  # index into the classes
    file: str
    sound: int | None  # index into the sounds of the page; None: left out


@dataclass(frozen=True)
class View:
    """The spots as one model places them."""

    run: str
    how: str  # method that placed them, in words
    places: list[list[float]]  # [spots, 2], within 0..1
    neighbors: list[list[list[Any]]]  # [spots, neighbors] of [index, cosine]


@dataclass(frozen=True)
class Picture:
    """The map of one task."""

    task: str
    classes: list[str]
    clips: list[Spot]
    views: list[View]
    note: str


def picture(
    labeled: OpenedTask, embeddings: Sequence[tuple[str, Floats]], most: int, sounds: Sounds
) -> Picture:
    """Map at most `most` recordings of a task for each (name, embeddings [recordings, D])."""
    chosen = maps.choose(labeled.truth, most)
    spots = [
        Spot(
            int(labeled.truth[i]),
            _file(labeled.recordings.clips[i]),
            sounds.add(labeled.contents[i], labeled.recordings, int(i)),
        )
        for i in chosen
    ]
    views = [_view(name, table[chosen]) for name, table in embeddings]
    note = _note(len(chosen), len(labeled.truth), len(labeled.classes))
    return Picture(labeled.task.name, labeled.classes, spots, views, note)


def _view(name: str, embeddings: Floats) -> View:
    try:
        unit = maps.directions(embeddings)
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    places, how = maps.layout(unit)
    nearest, cosines = maps.neighbors(unit, NEIGHBORS)
    return View(
        name,
        how,
        [[round(float(x), 4), round(float(y), 4)] for x, y in places],
        [
            [[int(i), round(float(cosine), 4)] for i, cosine in zip(*pair, strict=True)]
            for pair in zip(nearest, cosines, strict=True)
        ],
    )


def _file(clip: Clip) -> str:
    name = clip.name or clip.path.name
    return f"{name}, from {clip.start_s:g} s" if clip.start_s else name


def _note(shown: int, there: int, classes: int) -> str:
    note = f"{shown:,} of {there:,} recordings" if shown < there else f"All {there:,} recordings"
    if shown < there:
        note += ", drawn evenly from the labels"
    if classes > SYMBOLS:
        note += f"; symbols repeat after {SYMBOLS} labels: choose a label to see it alone"
    return f"{note}. Neighbors are searched among these, in all dimensions of the embedding."
