"""Store embeddings on disk by the content of model and audio, so that none is computed twice.

    CACHE/embeddings-v1/MODEL-IDENTITY/   plus "-1.000s" if averaged over windows of that length
        SHA256.safetensors                "audio" [n, 32] hashes of samples, "embeddings" [n, D]

A file's name is the hash of its bytes, so a truncated or altered file is recognized, and its
embeddings are computed again. Files appear whole and are never changed, so several processes may
write at once; at worst they compute the same embeddings. The folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save

from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.embedding.embedder import EmbeddingModel, Floats, embed_all
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.cache_dir import default_cache_dir
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.ranges import DURATION_S, check_numbers

CLIPS_PER_FILE = 2048  # at most that many embeddings are lost by an interruption


@dataclass(frozen=True)
class EmbeddingStore:
    """A cache of embeddings.

    `folder` None is `default_cache_dir()`. An embedding is the mean over windows of `window_s`
    seconds, or of the whole recording if None (see `embedder.embed_all`).
    """

    folder: Path | None = None
    window_s: float | None = None

    def __post_init__(self) -> None:
        check_numbers(self, window_s=DURATION_S)

    def embeddings(
        self,
        model: EmbeddingModel,
        recordings: Recordings,
        contents: Sequence[str],
    ) -> Floats:
        """Return embeddings, float32 [recordings, D]; those not in the folder are computed.

        `contents` are the hexadecimal SHA-256 of each recording's samples.
        Raises `UserError` on NaN or infinite embeddings.
        """
        place = self.place(model)
        found = _read(place)
        new = {content: i for i, content in enumerate(contents) if content not in found}
        # Sorted by length, so that batches are full.
        order = sorted(new.values(), key=lambda i: int(recordings.samples[i]))
        for first in range(0, len(order), CLIPS_PER_FILE):
            chosen = order[first : first + CLIPS_PER_FILE]
            rows = self._compute(model, recordings.select(chosen))
            keys = [contents[i] for i in chosen]
            _write(place, keys, rows)
            found.update(zip(keys, rows, strict=True))
        return np.stack([found[content] for content in contents])

    def place(self, model: EmbeddingModel) -> Path:
        """Return the folder of a model's embeddings."""
        window = "" if self.window_s is None else f"-{self.window_s:.3f}s"
        root = self.folder or default_cache_dir()
        return root / "embeddings-v1" / f"{model.identity}{window}"

    def _compute(self, model: EmbeddingModel, recordings: Recordings) -> Floats:
        rows = embed_all(model, recordings, self.window_s)
        broken = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(broken):
            path = recordings.clips[int(broken[0])].path
            raise UserError(
                f"{model.name}: the embeddings of {len(broken)} recordings have NaN or infinite "
                f"values, the first that of {path}; probe an earlier checkpoint (RUN/best), or "
                "train again with a lower learning rate"
            )
        return rows


def _read(place: Path) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for path in sorted(place.glob("*.safetensors")):
        if path.name.startswith("."):
            continue  # being written
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == path.stem:
            table = load(content)
            keys = (row.tobytes().hex() for row in table["audio"])
            found.update(zip(keys, table["embeddings"], strict=True))
    return found


def _write(place: Path, keys: Sequence[str], rows: Floats) -> None:
    audio = np.frombuffer(bytes.fromhex("".join(keys)), np.uint8).reshape(len(keys), -1)
    content = save({"audio": audio, "embeddings": np.ascontiguousarray(rows)})
    name = hashlib.sha256(content).hexdigest()
    with atomic_file(place / f"{name}.safetensors") as work:
        work.write_bytes(content)
