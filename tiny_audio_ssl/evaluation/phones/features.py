"""Frame features of the phones of an .item file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import Corpus, listing
from tiny_audio_ssl.embedding.frames import Floats, FrameModel
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.phones.items import Item, audio_clips

Ints = NDArray[np.int64]
BATCH = 16  # recordings of one length
ROUNDING_MS = 1e-6


@dataclass(frozen=True)
class PhoneFeatures:
    """Features of all frames of all phones, [frames, D]; phone i has `ends[i] - starts[i]`."""

    frames: Floats
    starts: Ints  # [phones]
    ends: Ints  # [phones]

    @property
    def lengths(self) -> Ints:
        """Frames of each phone, [phones]."""
        return self.ends - self.starts


def open_recordings(items: Sequence[Item], root: str | Path, cache_dir: Path | None) -> Recordings:
    """Decode the recordings of an .item file. Raises `UserError` if one can't be used."""
    clips = audio_clips(items, root)
    recordings = open_cache(Corpus(str(root), Path(root), tuple(clips)), cache_dir)
    if recordings.skipped:
        raise UserError(f"{listing(recordings.skipped)}\nCorrect them, or leave out their phones")
    return recordings


def phone_features(
    model: FrameModel,
    items: Sequence[Item],
    recordings: Recordings,
    hop_ms: float,
    done: Callable[[int], Any] = lambda count: None,
) -> PhoneFeatures:
    """Return the frames of each phone: those centered between its onset and its offset.

    Args:
        recordings: of the items' files, in the order of their first mention.
        done: called with how many more recordings are finished.

    Raises `UserError`: features that are not finite, a phone too short for a frame.
    """
    places: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        places.setdefault(item.file, []).append(i)
    of_file = list(places.values())
    found: list[Floats] = [np.empty((0, 0), np.float32)] * len(items)
    for batch in _equal_lengths(recordings):
        waves = np.stack([recordings.read(index) for index in batch])
        features, times_ms = model.frames(waves, hop_ms)
        if not np.isfinite(features).all():
            raise UserError(f"{model.name}: frame features with NaN or infinite values")
        for row, index in enumerate(batch):
            for i in of_file[index]:
                found[i] = _between(features[row], times_ms, items[i], hop_ms)
        done(len(batch))
    lengths = np.array([len(own) for own in found])
    ends = np.cumsum(lengths)
    return PhoneFeatures(np.concatenate(found), ends - lengths, ends)


def _equal_lengths(recordings: Recordings) -> Iterator[list[int]]:
    order = np.argsort(recordings.samples, kind="stable").tolist()
    batch: list[int] = []
    for index in order:
        if batch and (
            len(batch) == BATCH or recordings.samples[index] != recordings.samples[batch[0]]
        ):
            yield batch
            batch = []
        batch.append(index)
    yield batch


def _between(features: Floats, times_ms: NDArray[np.float64], item: Item, hop_ms: float) -> Floats:
    first = np.searchsorted(times_ms, 1000 * item.onset_s - ROUNDING_MS)
    end = np.searchsorted(times_ms, 1000 * item.offset_s + ROUNDING_MS)
    if first >= end:
        raise UserError(
            f"{item.file}: {item.phone} from {item.onset_s:g} to {item.offset_s:g} s holds no "
            f"frame, with one every {hop_ms:g} ms of a recording that ends at about "
            f"{times_ms[-1] / 1000:.2f} s; choose a shorter --hop-ms, or correct the .item file"
        )
    return features[first:end]
