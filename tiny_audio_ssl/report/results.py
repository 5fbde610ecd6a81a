"""Scores of several files, with names that are unique on one page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.scores import Score

RANDOM = "random weights"  # name of the untrained reference of recovery
FROZEN = ("linear", "knn", "few-shot")  # prefixes of protocols that do not train the encoder


def read_results(files: Sequence[Path], names: Mapping[str, str]) -> list[Score]:
    """Read all scores of the files; `names` maps paths of runs to their names on the page.

    A score that several files share (log-mel statistics) is taken once. Models that share a name
    but not an encoder, such as random weights, get the name of their encoder added.

    Raises `UserError`: a file has no results, or two different scores can't be told apart.
    """
    found = [_renamed(score, names) for file in files for score in scores.read(file)]
    return _told_apart(_once(found))


def in_order(found: Sequence[Score], tasks: Sequence[str]) -> list[Score]:
    """Sort scores: these tasks first, and within a task frozen encoders before trained ones."""
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
        fits = [(f.fold, f.seed, f.test.tobytes(), f.predicted.tobytes()) for f in score.fits]
        return score.task, score.model, score.protocol, score.truth.tobytes(), *fits

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
                f"{score.task}: the results hold two different scores of {score.model} by "
                f"{score.protocol}; leave out one of the --results files that hold them"
            )
        seen.add(place)
    return named
