"""Frame features of the phones of an .item file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import Corpus, listing
from tiny_audio_ssl.embedding.frames import Floats, FrameModel, hop_samples
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.speech.items import Item, audio_clips

Ints = NDArray[np.int64]
BATCH = 16  # recordings of one length
ROUNDING = 1e-6  # of a hop


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
        recordings: those of the items' files, in the order of their first mention.
        done: called with the number of recordings that were just finished.

    Raises `UserError`: features that are not finite, a phone too short for a frame.
    """
    files = {file: number for number, file in enumerate(dict.fromkeys(i.file for i in items))}
    file_of = np.array([files[item.file] for item in items])
    first, end = _frame_ranges(items, recordings.samples[file_of], hop_ms)
    ends = np.cumsum(end - first)
    starts = ends - (end - first)
    frames: Floats | None = None
    for batch in _equal_lengths(recordings):
        waves = np.stack([recordings.read(index) for index in batch])
        found, _ = model.frames(waves, hop_ms)
        if not np.isfinite(found).all():
            raise UserError(f"{model.name}: frame features with NaN or infinite values")
        if frames is None:
            frames = np.empty((ends[-1], found.shape[2]), np.float32)
        for row, index in enumerate(batch):
            for i in np.flatnonzero(file_of == index):
                frames[starts[i] : ends[i]] = found[row, first[i] : end[i]]
        done(len(batch))
    assert frames is not None  # an .item file names a recording at least
    return PhoneFeatures(frames, starts, ends)


def _frame_ranges(items: Sequence[Item], samples: Ints, hop_ms: float) -> tuple[Ints, Ints]:
    """Return the first frame of each phone, and the one after its last, [phones].

    `samples` are those of each phone's recording.
    """
    hop = hop_samples(hop_ms)
    step_s = hop / SAMPLE_RATE_HZ
    count = -(-samples // hop)  # frames of the recording
    onsets, offsets = (
        np.array([getattr(i, name) for i in items]) for name in ("onset_s", "offset_s")
    )
    first = np.ceil(onsets / step_s - ROUNDING).astype(np.int64)
    end = np.minimum(np.floor(offsets / step_s + ROUNDING).astype(np.int64) + 1, count)
    if len(empty := np.flatnonzero(first >= end)):
        item, last_s = items[empty[0]], samples[empty[0]] / SAMPLE_RATE_HZ
        raise UserError(
            f"{item.file}: {item.phone} from {item.onset_s:g} to {item.offset_s:g} s holds no "
            f"frame, with one every {hop_ms:g} ms of a recording of {last_s:.2f} s; choose a "
            "shorter --hop-ms, or correct the .item file"
        )
    return first, end


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
