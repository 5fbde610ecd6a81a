"""Answers of the Android app to recordings when some sounds were taught by examples."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from tiny_audio_ssl.embedding.comparison import Comparison, unit
from tiny_audio_ssl.embedding.embedder import EmbeddingModel
from tiny_audio_ssl.embedding.taught_sounds import example, loud, present
from tiny_audio_ssl.utils.files import read_rows

DRAWS = 100
HOP_S = 0.4  # from moment to moment
LONGEST_S = 6.0  # of a recording
BATCH = 64
PRETRAINING = "pre-training data"
NOTES = "Tonejs/audio"  # single notes of instruments
FEWEST_SOURCES, FEWEST = 3, 6  # of a word in titles, to be a kind of sound
NOT_KINDS = {
    *("ogg", "mp3", "wav", "sounds", "sound", "ambient", "small", "big", "step", "walk", "player"),
    *("items", "objects", "loop", "start", "end", "long", "short", "low", "high", "the", "and"),
    *("default", "misc", "random", "environment", "animals", "action", "use", "place", "mono"),
}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """A recording that may be taught or tested."""

    path: Path
    label: str  # empty: never taught
    group: str  # of recordings that belong together: taught ones and tested ones share none


@dataclass(frozen=True)
class Moments:
    """Embeddings and levels of the windows that are heard of recordings."""

    recordings: Sequence[Recording]
    vectors: Sequence[Floats]  # of each recording [moments, D]
    levels: Sequence[Floats]  # root mean squares [moments]
    hop_s: float = HOP_S  # from moment to moment

    def changed(self, change: Callable[[Floats], Floats]) -> Moments:
        """Return the same moments with other embeddings."""
        return replace(self, vectors=[change(one) for one in self.vectors])

    def means(self) -> Floats:
        """Return an example of each recording, [recordings, D]."""
        return np.array([example(*one) for one in zip(self.vectors, self.levels, strict=True)])


class Answers(NamedTuple):
    """The answers of one draw of taught sounds, for every tested moment."""

    distance: Floats  # to the nearest taught sound; infinite if another one is nearly as near
    right: NDArray[np.bool_]  # whether it is that sound
    taught: NDArray[np.bool_]  # whether it is one of the taught sounds
    weight: Floats  # the moments of a recording add up to one

    def rates(self, limit: float) -> tuple[float, float, float]:
        """Return the shares of taught sounds named rightly, wrongly, and of others unknown."""
        known = self.distance <= limit
        own, other = self.weight * self.taught, self.weight * ~self.taught
        correct = own[known & self.right].sum() / own.sum()
        wrong = own[known & ~self.right].sum() / own.sum()
        return float(correct), float(wrong), float(other[~known].sum() / other.sum())


def tasks_of(data: Path) -> dict[str, list[Recording]]:
    """Return sounds and words to test, and pre-training data to choose limits on."""
    esc50, keywords = data / "esc50", data / "keywords"
    return {
        # All washing machines are one recording.
        "sounds": [
            Recording(esc50 / row["filename"], row["category"], row["src_file"])
            for row in read_rows(esc50 / "meta.csv")
            if row["category"] != "washing_machine"
        ],
        "words": [
            Recording(keywords / row["filename"], row["word"], row["speaker"] or row["filename"])
            for row in read_rows(keywords / "meta.csv")
        ],
        PRETRAINING: [*free_sounds(data / "free_sounds"), *free_words(data / "free_speech")],
    }


def free_words(folder: Path) -> Iterator[Recording]:
    """Yield every second spoken word, which is never taught: it should be unknown."""
    words = [row for row in read_rows(folder / "meta.csv") if row["part"] == "words"]
    for row in words[::2]:
        yield Recording(folder / row["filename"], "", row["speaker"])


def free_sounds(folder: Path) -> Iterator[Recording]:
    """Yield sounds; they are of a kind if titles of several sources share a word: dog, rain ..."""
    found = [row for row in read_rows(folder / "meta.csv") if row["source"] != NOTES]
    titles = [set(re.findall("[a-z]{3,}", title(row))) - NOT_KINDS for row in found]
    sources, sounds = defaultdict(set), Counter[str]()
    for row, words in zip(found, titles, strict=True):
        sounds.update(words)
        for word in words:
            sources[word].add(row["source"])
    for row, words in zip(found, titles, strict=True):
        shared = [w for w in words if len(sources[w]) >= FEWEST_SOURCES and sounds[w] >= FEWEST]
        kind = min(shared, key=lambda w: (sounds[w], w), default="")
        yield Recording(folder / row["filename"], kind, row["source"] + row["author"])


def title(row: dict[str, str]) -> str:
    """Return a title in lower case, its words apart."""
    return re.sub("([a-z])([A-Z])", r"\1 \2", row["title"] or row["filename"]).lower()


def moments(model: EmbeddingModel, recordings: Sequence[Recording]) -> Moments:
    """Embed the windows that end at each moment; what came before a recording was silence."""
    windows, counts = [], []
    for one in recordings:
        wave = audio.read(one.path)[: round(LONGEST_S * SAMPLE_RATE_HZ)]
        wave = np.pad(wave, (max(0, WINDOW_SAMPLES - len(wave)), 0))
        view = np.lib.stride_tricks.sliding_window_view(wave, WINDOW_SAMPLES)
        windows.append(view[:: round(HOP_S * SAMPLE_RATE_HZ)])
        counts.append(len(windows[-1]))
    flat = (row for view in windows for row in view)
    embedded = list(_embedded(model, flat))
    ends = np.cumsum(counts)[:-1]
    levels = [np.sqrt(np.square(view, dtype=np.float64).mean(axis=1)) for view in windows]
    return Moments(recordings, np.split(np.concatenate(embedded), ends), levels)


def _embedded(model: EmbeddingModel, windows: Iterator[NDArray[np.float32]]) -> Iterator[Floats]:
    batch: list[NDArray[np.float32]] = []
    for window in windows:
        batch.append(window)
        if len(batch) == BATCH:
            yield model.embed(np.stack(batch)).astype(np.float64)
            batch = []
    if batch:
        yield model.embed(np.stack(batch)).astype(np.float64)


def answers(
    heard: Moments, how: Comparison, present_s: float, taught: int, examples: int, draws: int
) -> list[Answers]:
    """Teach some sounds and test all others; recordings of a taught group are not tested."""
    length = max(1, int(present_s / heard.hop_s))
    tested = [
        how.cleaned(present(vectors, levels, length)[loud(levels)])
        for vectors, levels in zip(heard.vectors, heard.levels, strict=True)
    ]
    counts = np.array([len(one) for one in tested])
    recording = np.repeat(np.arange(len(tested)), counts)  # of each moment
    moment, weight = np.concatenate(tested), 1 / counts[recording]
    crowding = how.crowding(moment)[:, None]
    shown_as = heard.means()
    labels = np.array([one.label for one in heard.recordings])
    groups = np.array([one.group for one in heard.recordings])
    names, sizes = np.unique(labels[labels != ""], return_counts=True)
    found = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        sounds = rng.choice(names[sizes > examples], taught, replace=False)
        shown = [rng.choice(np.flatnonzero(labels == one), examples, False) for one in sounds]
        means = np.array([how.mean(unit(shown_as[picked])) for picked in shown])
        asked = ~np.isin(groups, groups[np.concatenate(shown)])[recording]
        apart = ((1 - moment @ means.T) / crowding)[asked]
        truth = labels[recording[asked]]
        nearest, second = np.partition(apart, 1, axis=1)[:, :2].T
        distance = np.where(nearest <= how.most_of_second * second, nearest, np.inf)
        right = sounds[apart.argmin(axis=1)] == truth
        found.append(Answers(distance, right, np.isin(truth, sounds), weight[asked]))
    return found
