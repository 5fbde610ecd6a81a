"""Scores from several files, under names that fit one page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.scores import Score

RANDOM = "random weights"  # what a reference of recovery is called
FROZEN = ("linear", "knn", "few-shot")  # beginnings of protocols that leave the encoder as it is


def read_results(files: Sequence[Path], names: Mapping[str, str]) -> list[Score]:
    """All scores of the files; `names` maps the paths of runs, as models are called, to others.

    What several files hold alike (log-mel statistics) is taken once. Models of one name and
    different encoders, such as random weights, are told apart by their encoder.

    Raises `UserError`: not results, or two different results that can't be told apart.
    """
    found = [_renamed(score, names) for file in files for score in scores.read(file)]
    return _told_apart(_once(found))


def in_order(found: Sequence[Score], tasks: Sequence[str]) -> list[Score]:
    """First these tasks, then others as they came; in each, frozen encoders before trained ones."""
    names = dict.fromkeys([*tasks, *(score.task for score in found)])
    place = {name: index for index, name in enumerate(names)}
    return sorted(found, key=lambda s: (place[s.task], not s.protocol.startswith(FROZEN)))


def _renamed(score: Score, names: Mapping[str, str]) -> Score:
    for path, name in names.items():
        if score.model in (path, f"{RANDOM} of {path}"):
            return replace(score, model=score.model.removesuffix(path) + name)
    return score


def _once(found: Sequence[Score]) -> list[Score]:
    def content(score: Score) -> tuple[object, ...]:
        said = [(t.fold, t.seed, t.test.tobytes(), t.predicted.tobytes()) for t in score.trials]
        return score.task, score.model, score.protocol, score.truth.tobytes(), *said

    return list({content(score): score for score in found}.values())


def _told_apart(found: Sequence[Score]) -> list[Score]:
    count: dict[tuple[str, str, str], int] = defaultdict(int)
    for score in found:
        count[score.task, score.model, score.protocol] += 1
    ambiguous = {model for (_, model, _), times in count.items() if times > 1}
    named = [
        replace(score, model=f"{score.model} ({score.details['encoder']})")
        if score.model in ambiguous and "encoder" in score.details
        else score
        for score in found
    ]
    seen = set()
    for score in named:
        place = (score.task, score.model, score.protocol)
        if place in seen:
            raise UserError(
                f"{score.task}: the results hold two different figures of {score.model} by "
                f"{score.protocol}; give one of the --results that hold it"
            )
        seen.add(place)
    return named
