"""Embed waveforms and recordings with a checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.utils.ranges import DURATION_S, Range, checked_number
from tiny_audio_ssl.version import __version__

LONGEST_PASS_S = 60.0  # of a whole recording at once; a longer one is the mean of its parts
Floats = NDArray[np.float32]


class EmbeddingModel(Protocol):
    """Anything that turns waveforms into embeddings: a checkpoint, log-mel statistics, a peer."""

    @property
    def name(self) -> str:
        """Name for tables."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""

    @property
    def identity(self) -> str:
        """Hash of all that the embedding depends on; cached embeddings are stored under it."""

    def embed(self, waves: Floats, /) -> Floats:
        """float32 [B, N], mono, -1..1, 16 kHz -> float32 [B, dim]."""


def load(run: str | Path, readout: Sequence[str] | None = None) -> Embedder:
    """Load the last checkpoint of a run, or a checkpoint folder (`RUN/best`), to embed with.

    Args:
        run: the folder.
        readout: parts of the embedding, of "last", "middle" and "mel", instead of those that the
            checkpoint names.

    Raises:
        CheckpointError: there is none, or it is truncated or altered.

    Example:
        >>> import numpy as np
        >>> import tiny_audio_ssl
        >>> embedder = tiny_audio_ssl.load("runs/mine")
        >>> embedding = embedder.embed(np.zeros(16_000))  # one second
        >>> embedding.shape == (embedder.dim,)
        True
    """
    found = checkpoint.load(run, readout)
    return Embedder(found.model, found.sha256, str(run))


class Embedder:
    """Waveforms -> embeddings, frozen. `dim` is the embedding's size."""

    def __init__(self, model: WaveformEncoder, sha256: str = "", name: str = "") -> None:
        self.model = model.eval()
        self.dim = model.encoder.embedding_dim
        self.sha256 = sha256
        self.name = name

    @cached_property
    def identity(self) -> str:
        """Hash of settings and weights; the same weights give other embeddings with other settings
        (`slice_frames`)."""
        configs = [asdict(self.model.frontend.config), asdict(self.model.encoder.config)]
        about = json.dumps([__version__, *configs], sort_keys=True)
        digest = hashlib.sha256(about.encode())
        for key, tensor in sorted(self.model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def embed(self, waveform: ArrayLike, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Floats:
        """[N] -> [D], or a batch of mono waveforms [B, N] -> [B, D]; float32, unbounded.

        `waveform` is float, -1..1, of any length; a waveform shorter than one window (25 ms) is
        padded with zeros. Other rates than 16 kHz are resampled. Raises `UserError` for integers,
        NaN, no samples, or more than two dimensions.
        """
        wave = _checked(waveform)
        if sample_rate_hz != SAMPLE_RATE_HZ:
            rows = [
                audio.resample(row, sample_rate_hz, SAMPLE_RATE_HZ) for row in np.atleast_2d(wave)
            ]
            wave = np.stack(rows).reshape(*wave.shape[:-1], -1)
        batch = torch.from_numpy(np.ascontiguousarray(np.atleast_2d(wave)))
        embedding: Floats = self.model(self.model.frontend.padded(batch)).numpy()
        return embedding.reshape(*wave.shape[:-1], self.dim)


@dataclass(frozen=True)
class Span:
    """The part of a recording that one embedding is of."""

    clip: int
    start: int  # samples from the clip's own start
    samples: int


def spans(
    recordings: Recordings, window_s: float | None = None, hop_s: float | None = None
) -> list[Span]:
    """Return whole recordings, or windows, the last of which ends with the recording.

    Raises `UserError` for lengths that are not finite or shorter than a sample, and for a hop
    without a window.
    """
    if window_s is None:
        if hop_s is not None:
            raise UserError(f"hop_s is {hop_s}, but there are no windows; give window_s too")
        return [Span(i, 0, int(n)) for i, n in enumerate(recordings.samples)]
    window = _samples("window_s", window_s)
    hop = window if hop_s is None else _samples("hop_s", hop_s)
    found = []
    for clip, samples in enumerate(recordings.samples.tolist()):
        last = max(0, samples - window)
        starts = [*range(0, last, hop), last]
        found += [Span(clip, start, min(window, samples)) for start in starts]
    return found


def _samples(name: str, duration_s: float) -> int:
    shortest = Range(1 / SAMPLE_RATE_HZ, DURATION_S.high)
    seconds: float = checked_number(name, duration_s, shortest)
    return round(seconds * SAMPLE_RATE_HZ)


def embed_spans(
    embedder: EmbeddingModel,
    recordings: Recordings,
    wanted: Sequence[Span],
    done: Callable[[int], Any] = lambda count: None,
    batch_size: int = 32,
) -> Iterator[Floats]:
    """Yield the embeddings [n, D] of the spans in their order, a batch at a time."""
    longest = round(LONGEST_PASS_S * SAMPLE_RATE_HZ)
    for batch in _equal_lengths(wanted, longest, batch_size):
        if batch[0].samples > longest:
            yield _embed_long(embedder, recordings, batch[0], longest)[None]
        else:
            waves = [recordings.read(s.clip, s.start, s.samples) for s in batch]
            yield embedder.embed(np.stack(waves))
        done(len(batch))


def embed_all(
    embedder: EmbeddingModel, recordings: Recordings, window_s: float | None = None, **kw: Any
) -> Floats:
    """Return one embedding of each recording: float32 [recordings, D].

    With `window_s`, the mean over windows of that length, the last of which ends with the
    recording; without, the embedding of the whole recording (of one longer than `LONGEST_PASS_S`,
    the mean over equal parts).
    """
    wanted = spans(recordings, window_s)
    totals = np.zeros((len(recordings), embedder.dim))
    first = 0
    for rows in embed_spans(embedder, recordings, wanted, **kw):
        np.add.at(totals, [span.clip for span in wanted[first : first + len(rows)]], rows)
        first += len(rows)
    windows = np.bincount([span.clip for span in wanted], minlength=len(recordings))
    return (totals / windows[:, None]).astype(np.float32)


def _equal_lengths(wanted: Sequence[Span], longest: int, size: int) -> Iterator[list[Span]]:
    """Yield batches of neighboring spans of equal length, so that a batch is a plain array."""
    batch: list[Span] = []
    room = size * SAMPLE_RATE_HZ * 5  # samples: long spans go in smaller batches
    for span in wanted:
        full = len(batch) == size or len(batch) * span.samples >= room
        if batch and (full or span.samples != batch[0].samples or span.samples > longest):
            yield batch
            batch = []
        batch.append(span)
    if batch:
        yield batch


def _embed_long(
    embedder: EmbeddingModel, recordings: Recordings, span: Span, longest: int
) -> Floats:
    """Return the mean over equal parts of at most `longest` samples, for constant memory."""
    parts = -(-span.samples // longest)
    edges = np.linspace(0, span.samples, parts + 1).astype(int)
    total = np.zeros(embedder.dim)
    for start, end in pairwise(edges):
        wave = recordings.read(span.clip, span.start + int(start), int(end - start))
        total += embedder.embed(wave[None])[0]
    return (total / parts).astype(np.float32)


def _checked(waveform: ArrayLike) -> Floats:
    wave = np.asarray(waveform)
    if not np.issubdtype(wave.dtype, np.floating):
        raise UserError(
            f"waveform of {wave.dtype}; expected floats in -1..1: divide int16 samples by 32768"
        )
    if wave.ndim not in (1, 2) or wave.size == 0:
        raise UserError(f"waveform of shape {wave.shape}; expected [samples] or [batch, samples]")
    if not np.isfinite(wave).all():
        raise UserError("waveform has NaN or infinite samples")
    return wave.astype(np.float32)
