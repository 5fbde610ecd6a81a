"""Embed waveforms and recordings with a checkpoint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.audio.waveform import as_waveform
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.embedding.comparison import Background, Comparison
from tiny_audio_ssl.embedding.frames import (
    Frames,
    centers_ms,
    embed_windows,
    hop_samples,
    window_samples,
)
from tiny_audio_ssl.embedding.long import embed_in_parts, is_long, parts_of
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.models.names import home_of
from tiny_audio_ssl.utils.ranges import DURATION_S, Range, checked_number
from tiny_audio_ssl.version import __version__

Floats = NDArray[np.float32]
SAMPLES_HELD = 32 * 2**20  # of the cache, as 64 MB in memory, before it is released


class EmbeddingModel(Protocol):
    """Interface of anything that turns waveforms into embeddings: a checkpoint, log-mel statistics,
    a peer."""

    @property
    def name(self) -> str:
        """Name for tables."""

    @property
    def dim(self) -> int:
        """Size of an embedding."""

    @property
    def identity(self) -> str:
        """Hash of everything that the embedding depends on, used as the key of cached
        embeddings."""

    def embed(self, waves: Floats, /) -> Floats:
        """Embed waveforms float32 [B, N], mono, -1..1, 16 kHz; return float32 [B, dim]."""


def load(run: str | Path, readout: Sequence[str] | None = None) -> Embedder:
    """Load an encoder for embedding: a run's last checkpoint, a checkpoint (`RUN/best`) or a model.

    Args:
        run: folder, or model name such as "small" (see `models.names`); a `Path` is a folder.
        readout: parts of the embedding ("last", "middle", "mel"); None: those of the checkpoint.

    Raises:
        CheckpointError: the checkpoint is missing, truncated or altered.

    Examples:
        >>> import numpy as np
        >>> import tiny_audio_ssl
        >>> embedder = tiny_audio_ssl.load("runs/mine")
        >>> embedding = embedder.embed(np.zeros(16_000))  # one second
        >>> embedding.shape == (embedder.dim,)
        True
    """
    found = checkpoint.load(run, readout)
    return Embedder(found.model, found.sha256, str(home_of(run)), comparison_of(found))


def comparison_of(loaded: checkpoint.Checkpoint) -> Comparison:
    """Return how the embeddings of a checkpoint are compared: with the background of a shipped
    model if its readout is as shipped, or else by the cosine distance."""
    about = (loaded.facts or {}).get("background")
    if about is None or about["dim"] != loaded.model.encoder.learned_dim:
        return Comparison()
    return Background.read(loaded.folder, about)


class Embedder:
    """A frozen encoder that turns waveforms into embeddings of size `dim`.

    Their learned parts are compared by `comparison`.
    """

    def __init__(
        self,
        model: WaveformEncoder,
        sha256: str = "",
        name: str = "",
        comparison: Comparison | None = None,
    ) -> None:
        self.model = model.eval()
        self.dim = model.encoder.embedding_dim
        self.sha256 = sha256
        self.name = name
        self.comparison = comparison or Comparison()

    @cached_property
    def identity(self) -> str:
        """Hash of settings and weights. The settings count because the same weights give other
        embeddings with another `slice_frames`."""
        configs = [asdict(self.model.frontend.config), asdict(self.model.encoder.config)]
        about = json.dumps([__version__, *configs], sort_keys=True)
        digest = hashlib.sha256(about.encode())
        for key, tensor in sorted(self.model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def embed(self, waveform: ArrayLike, sample_rate_hz: int = SAMPLE_RATE_HZ) -> Floats:
        """Embed a waveform [N] or a batch of mono waveforms [B, N]; return float32 [D] or [B, D].

        `waveform` is float, of any length, with full scale at -1..1 (see `audio.waveform`). A
        waveform shorter than a window of the front-end (25 ms) is padded with zeros. The embedding
        of one longer than a minute is the mean over equal parts, as for files. Sample rates other
        than 16 kHz are resampled.

        Raises `UserError` for integers, NaN, another scale, no samples, [samples, channels], more
        than two dimensions, or a sample rate below 1 kHz.
        """
        wave = audio.from_array(waveform, sample_rate_hz)
        embedding = embed_in_parts(self._embed, np.atleast_2d(wave))
        return embedding.reshape(*wave.shape[:-1], self.dim)

    @torch.no_grad()
    def frames(self, waves: Floats, hop_ms: float, window_ms: float | None = None) -> Frames:
        """Embed a window every `hop_ms`: [B, N] -> float32 [B, T, D], centers in ms [T].

        Each embedding equals that of the window alone. T is N divided by the hop, rounded up.
        Windows are `window_ms` long, or by default as long as the slices that the encoder was
        trained on (0.975 s if there are none).

        Raises `UserError` as `embed` does.
        """
        audio = torch.from_numpy(as_waveform(waves, "[batch, samples]"))
        hop, window = hop_samples(hop_ms), window_samples(self.model, window_ms)
        found: Floats = embed_windows(self.model, audio, window, hop).numpy()
        return found, centers_ms(audio.shape[1], hop)

    def _embed(self, waves: Floats) -> Floats:
        batch = torch.from_numpy(np.ascontiguousarray(waves))
        embedding: Floats = self.model(self.model.frontend.padded(batch)).numpy()
        return embedding


@dataclass(frozen=True)
class Span:
    """The part of a recording that one embedding covers."""

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
    """Yield the embeddings [n, D] of the spans in their order, a batch at a time.

    Memory does not grow with the number or the length of the recordings.
    """
    held = 0
    for batch in _equal_lengths(wanted, batch_size):
        if is_long(batch[0].samples):
            yield _embed_long(embedder, recordings, batch[0])[None]
        else:
            waves = [recordings.read(s.clip, s.start, s.samples) for s in batch]
            yield embedder.embed(np.stack(waves))
        done(len(batch))
        held += sum(span.samples for span in batch)
        if held > SAMPLES_HELD:
            recordings.release()
            held = 0


def embed_all(
    embedder: EmbeddingModel, recordings: Recordings, window_s: float | None = None, **kw: Any
) -> Floats:
    """Return one embedding of each recording: float32 [recordings, D].

    With `window_s`, the mean over windows of that length, the last of which ends with the
    recording; without, the embedding of the whole recording (of one longer than
    `long.LONGEST_PASS_S`, the mean over equal parts).
    """
    wanted = spans(recordings, window_s)
    totals = np.zeros((len(recordings), embedder.dim))
    first = 0
    for rows in embed_spans(embedder, recordings, wanted, **kw):
        np.add.at(totals, [span.clip for span in wanted[first : first + len(rows)]], rows)
        first += len(rows)
    windows = np.bincount([span.clip for span in wanted], minlength=len(recordings))
    return (totals / windows[:, None]).astype(np.float32)


def _equal_lengths(wanted: Sequence[Span], size: int) -> Iterator[list[Span]]:
    """Yield batches of neighboring spans of equal length, so that a batch is a plain array."""
    batch: list[Span] = []
    room = size * SAMPLE_RATE_HZ * 5  # samples: long spans go in smaller batches
    for span in wanted:
        full = len(batch) == size or len(batch) * span.samples >= room
        if batch and (full or span.samples != batch[0].samples or is_long(span.samples)):
            yield batch
            batch = []
        batch.append(span)
    if batch:
        yield batch


def _embed_long(embedder: EmbeddingModel, recordings: Recordings, span: Span) -> Floats:
    """Return what `embed_in_parts` does, with one part in memory at a time."""
    parts = parts_of(span.samples)
    total = np.zeros(embedder.dim)
    for start, end in parts:
        wave = recordings.read(span.clip, span.start + start, end - start)
        total += embedder.embed(wave[None])[0]
        recordings.release()
    return (total / len(parts)).astype(np.float32)
