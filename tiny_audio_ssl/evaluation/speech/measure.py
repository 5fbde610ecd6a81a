"""Measure how well models distinguish phones or words; each model is a row of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.embedding.frames import FrameModel
from tiny_audio_ssl.evaluation.speech.abx import AbxConfig, AbxScore, Speaker, abx
from tiny_audio_ssl.evaluation.speech.features import open_recordings, phone_features
from tiny_audio_ssl.evaluation.speech.frame_models import EncoderFrames
from tiny_audio_ssl.evaluation.speech.items import Item, read_items
from tiny_audio_ssl.evaluation.speech.same_different import SameDifferentScore, same_different
from tiny_audio_ssl.evaluation.speech.units import (
    UnitScore,
    clustered,
    frame_phones,
    joined,
    score_units,
)


@dataclass(frozen=True)
class PhoneScore:
    """The ABX error of a model's frames, and how well their clusters fit the phones."""

    model: str
    abx: dict[Speaker, AbxScore]
    units: UnitScore  # of clusters
    own: UnitScore | None = None  # of the units that the run's task gives

    def summary(self) -> dict[str, Any]:
        """Return plain numbers, for JSON."""
        errors = {f"abx_{speaker}": score.error for speaker, score in self.abx.items()}
        own = {f"own_{name}": value for name, value in asdict(self.own).items()} if self.own else {}
        return {"model": self.model, **errors, **asdict(self.units), **own}


@dataclass(frozen=True)
class SpokenPhones:
    """The phones of an .item file, with their recordings."""

    items: list[Item]
    recordings: Recordings  # in the order in which the items first name them


def open_phones(
    items: str | Path,
    audio: str | Path | None = None,
    cache_dir: Path | None = None,
    shortest_s: float = 0.0,
) -> SpokenPhones:
    """Read an .item file and decode its recordings, which lie below `audio`, or beside it if None.

    Phones shorter than `shortest_s` are left out. Raises `UserError`: either can't be used.
    """
    found = [one for one in read_items(items) if one.offset_s - one.onset_s >= shortest_s]
    return SpokenPhones(found, open_recordings(found, audio or Path(items).parent, cache_dir))


def score_phones(
    model: FrameModel,
    phones: SpokenPhones,
    hop_ms: float = 10.0,
    speakers: Sequence[Speaker] = ("within", "across"),
    config: AbxConfig | None = None,
    units: int = 50,
    done: Callable[[int], Any] = lambda count: None,
) -> PhoneScore:
    """Score the frames of a model.

    Args:
        hop_ms: time from one frame to the next.
        speakers: kinds of ABX, each with the other settings of `config` (its defaults if None).
        units: number of clusters whose PNMI is measured.
        done: called with the number of recordings that were just embedded.

    Raises `UserError`: features or phones that can't be compared; see `abx` and `score_units`.
    """
    config, items = config or AbxConfig(), phones.items
    features = phone_features(model, items, phones.recordings, hop_ms, done)
    errors = {
        speaker: abx(features, items, replace(config, speaker=speaker)) for speaker in speakers
    }
    labels = frame_phones(features, items)
    found = clustered(features.frames, units, config.seed)
    own = score_own_units(model, phones, hop_ms)
    return PhoneScore(model.name, errors, score_units(labels, found, units), own)


def score_own_units(model: FrameModel, phones: SpokenPhones, hop_ms: float) -> UnitScore | None:
    """Score the units that a run's own task gives; None for other models.

    With several codebooks, a unit is a choice of all of them. `size` counts those that occur.
    """
    if not isinstance(model, EncoderFrames) or model.units is None:
        return None
    features = phone_features(model.units, phones.items, phones.recordings, hop_ms)
    ids = joined(features.frames)
    return score_units(frame_phones(features, phones.items), ids, int(ids.max()) + 1)


@dataclass(frozen=True)
class WordScore:
    """The precision with which a model's vectors of words identify pairs of the same word."""

    model: str
    same_different: dict[Speaker, SameDifferentScore]

    def summary(self) -> dict[str, Any]:
        """Return plain numbers, for JSON."""
        found: dict[str, Any] = {"model": self.model}
        for speaker, score in self.same_different.items():
            found |= {f"{name}_{speaker}": value for name, value in asdict(score).items()}
        return found


def score_words(
    model: FrameModel,
    words: SpokenPhones,
    hop_ms: float = 10.0,
    speakers: Sequence[Speaker] = ("within", "across"),
    done: Callable[[int], Any] = lambda count: None,
) -> WordScore:
    """Score the vectors of the words that an .item file lists, as `score_phones` does for phones.

    Raises `UserError`: features or words that can't be compared; see `same_different`.
    """
    features = phone_features(model, words.items, words.recordings, hop_ms, done)
    found = {speaker: same_different(features, words.items, speaker) for speaker in speakers}
    return WordScore(model.name, found)


def word_table(scores: Sequence[WordScore]) -> Table:
    """Return models x measures."""
    first = scores[0].same_different
    chances = ", ".join(f"{speaker} {score.chance:.3f}" for speaker, score in first.items())
    table = Table(title=f"Words: same-different precision (chance: {chances})")
    table.add_column("features")
    for speaker in first:
        table.add_column(f"{speaker} speakers", justify="right")
    for score in scores:
        cells = (f"{score.same_different[speaker].precision:.3f}" for speaker in first)
        table.add_row(score.model, *cells)
    return table


def phone_table(scores: Sequence[PhoneScore]) -> Table:
    """Return models x measures."""
    table = Table(title="Phones: ABX error (chance .500), and clusters beside phones")
    table.add_column("features")
    speakers = list(scores[0].abx)
    size = scores[0].units.size
    for name in (*(f"ABX {one} speakers" for one in speakers), f"PNMI of {size} units"):
        table.add_column(name, justify="right")
    table.add_column("perplexity", justify="right")
    with_own = any(score.own for score in scores)
    for name in ("PNMI of own units", "perplexity") if with_own else ():
        table.add_column(name, justify="right")
    for score in scores:
        errors = (f"{score.abx[speaker].error:.3f}" for speaker in speakers)
        cells = [cell for one in (score.units, score.own) for cell in _unit_cells(one)]
        table.add_row(score.model, *errors, *cells[: None if with_own else 2])
    return table


def _unit_cells(score: UnitScore | None) -> tuple[str, str]:
    return (f"{score.pnmi:.3f}", f"{score.perplexity:.1f}") if score else ("", "")
