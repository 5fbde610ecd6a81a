"""Teach sounds by a few examples, as the Android app does: are they named, and others not?

PYTHONPATH=benchmarks/peers python benchmarks/few_shot.py DATA small=small \\
    mn04_as=hear:mn04_embedding@mn04_as.safetensors

The limit of the distance is chosen on `free_sounds` and `free_speech`, which encoders may be
trained on: kinds of sound that titles tell are taught, and 90 % of all else must be unknown. It is
tested on the labeled recordings of `esc50` and `keywords`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from named_models import open_named
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from teaching import DRAWS, PRETRAINING, Answers, Moments, answers, moments, tasks_of

from tiny_audio_ssl.embedding.comparison import Background, Comparison
from tiny_audio_ssl.embedding.embedder import Embedder, EmbeddingModel
from tiny_audio_ssl.embedding.taught_sounds import PRESENT_S
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "few_shot.csv"
WANTED_UNKNOWN = 0.8  # of other sounds
CHOSEN_UNKNOWN = 0.9  # where the limit is chosen; other kinds of sound are harder to tell apart
ANY = 1.0  # of the second nearest's distance: every nearest sound may be known

Floats = NDArray[np.float64]
Changed = Callable[[Floats], Floats]


@dataclass(frozen=True)
class FewShot:
    """Write a row for each model, kind of sound, number of examples, and way to compare."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with esc50, keywords, free_sounds and free_speech."""
    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """NAME=MODEL: a run, or hear:MODULE@WEIGHTS."""
    csv: Path = RESULTS
    taught: int = 5
    """Number of taught sounds, drawn anew each time; all others should be unknown."""
    examples: tuple[int, ...] = (3, 5)
    draws: int = DRAWS


@dataclass(frozen=True)
class Way:
    """A way to compare: which part of embeddings, over what time, and what keeps others out."""

    learned: bool = True  # the learned part alone, or the whole embedding
    present_s: float = PRESENT_S
    most_of_second: float = Comparison.most_of_second
    background: bool = False  # compared with that of the model, if it has one
    centered: bool = False  # at the mean of unlabeled sound
    scaled: bool = False  # to its deviation in each dimension


CLEAR = "learned part, over 2 s, clearly the nearest"
WAYS = {
    "whole embedding, moment by moment": Way(False, 0, ANY),
    "learned part, moment by moment": Way(True, 0, ANY),
    "learned part, over 2 s": Way(most_of_second=ANY),
    CLEAR: Way(),
    f"{CLEAR}, centered": Way(centered=True),
    f"{CLEAR}, standardized": Way(centered=True, scaled=True),
    "as the app": Way(background=True),
}


def main(wanted: FewShot) -> None:
    """Compare every model in every way."""
    tasks = tasks_of(wanted.data)
    rows: list[dict[str, Any]] = []
    for name, model in open_named(wanted.models).items():
        heard = {task: moments(model, opened) for task, opened in tasks.items()}
        for way in WAYS:
            how, parts = comparison_of(model, WAYS[way]), compared(model, heard, WAYS[way])
            rows += rows_of(name, way, how, parts, wanted)
    write_rows(wanted.csv, rows)
    show(rows)


def compared(model: EmbeddingModel, heard: dict[str, Moments], way: Way) -> dict[str, Moments]:
    """Return the part of the embeddings that a way compares, centered and scaled."""
    size = learned_dim(model) if way.learned else model.dim
    means = heard[PRETRAINING].means()
    shift = means.mean(axis=0)[:size] if way.centered else np.zeros(size)
    scale = means.std(axis=0)[:size] + 1e-6 if way.scaled else np.ones(size)
    change: Changed = partial(_changed, shift=shift, scale=scale)
    return {task: found.changed(change) for task, found in heard.items()}


def comparison_of(model: EmbeddingModel, way: Way) -> Comparison:
    """Return how a way compares the embeddings of a model."""
    if way.background and isinstance(model, Embedder) and isinstance(model.comparison, Background):
        return model.comparison
    return Comparison(most_of_second=way.most_of_second)


def _changed(vectors: Floats, shift: Floats, scale: Floats) -> Floats:
    return np.asarray((vectors[:, : len(shift)] - shift) / scale)


def learned_dim(model: EmbeddingModel) -> int:
    """Return the size of an embedding's first part, which the weights decide."""
    return model.model.encoder.learned_dim if isinstance(model, Embedder) else model.dim


def rows_of(
    name: str, way: str, how: Comparison, heard: dict[str, Moments], wanted: FewShot
) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of sound and number of examples."""
    for examples in wanted.examples:
        ask = partial(
            answers,
            how=how,
            present_s=WAYS[way].present_s,
            taught=wanted.taught,
            examples=examples,
            draws=wanted.draws,
        )
        limit = limit_for(ask(heard[PRETRAINING]), CHOSEN_UNKNOWN)
        for task in sorted(heard.keys() - {PRETRAINING}):
            found = ask(heard[task])
            best = limit_for(found, WANTED_UNKNOWN)
            yield {
                **{"model": name, "task": task, "examples": examples, "way": way},
                "limit": round(limit, 4),
                **rates(found, limit),
                "limit_at_80_unknown": round(best, 4),
                "correct_at_80_unknown": rates(found, best)["correct"],
                "wrong_at_80_unknown": rates(found, best)["wrong"],
                "draws": wanted.draws,
            }


def limit_for(found: Sequence[Answers], unknown: float) -> float:
    """Return the largest distance at which that share of all other sounds is still unknown."""
    distance = np.concatenate([one.distance[~one.taught] for one in found])
    weight = np.concatenate([one.weight[~one.taught] for one in found])
    order = np.argsort(-distance)
    share = np.cumsum(weight[order]) / weight.sum()
    last = int(np.searchsorted(share, unknown))
    return float(np.nextafter(min(distance[order[last]], 2.0), 0))


def rates(found: Sequence[Answers], limit: float) -> dict[str, float]:
    """Return shares of taught sounds (correct, wrong) and of others (unknown).

    With each, the middle 95 % of the draws of taught sounds.
    """
    draws = np.array([one.rates(limit) for one in found])
    shares: dict[str, float] = {}
    for name, values in zip(("correct", "wrong", "others_unknown"), draws.T, strict=True):
        low, high = np.percentile(values, (2.5, 97.5))
        figures = {name: values.mean(), f"{name}_low_95": low, f"{name}_high_95": high}
        shares |= {key: round(float(value), 4) for key, value in figures.items()}
    return shares


def show(rows: list[dict[str, Any]]) -> None:
    """Print what each way gives."""
    shares = ("limit", "correct", "wrong", "others_unknown", "correct_at_80_unknown")
    table = Table("model", "task", "examples", "way", *shares)
    for row in rows:
        about = (row[name] for name in ("model", "task", "examples", "way"))
        table.add_row(*map(str, about), *(f"{row[share]:.3f}" for share in shares))
    Console(width=180).print(table)


if __name__ == "__main__":
    main(tyro.cli(FewShot, description=__doc__))
