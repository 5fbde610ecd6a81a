"""Linear heads behind an encoder: one artifact returns the embedding and the scores of several
tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing import heads
from tiny_audio_ssl.evaluation.probing.heads import Head
from tiny_audio_ssl.export.config import EMBEDDING, Precision
from tiny_audio_ssl.models.checkpoint import Checkpoint

MAX_SCORE_ERROR: dict[Precision, float] = {"fp32": 1e-3}  # others are reported, not refused


class WithHeads(nn.Module):
    """Input -> embedding [B, D] and, for each head, probabilities [B, classes] that sum to 1."""

    def __init__(self, network: nn.Module, linear: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.network = network
        # By this name the quantizers know to leave them in float32.
        self.heads = nn.ModuleList(linear)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        embedding = self.network(x)
        return (embedding, *(torch.softmax(head(embedding), dim=1) for head in self.heads))


@dataclass(frozen=True)
class ScoreParity:
    """Difference between a head's probabilities, or ids, and eager PyTorch's, over the compared
    windows."""

    top_label_agreement: (
        float  # share of windows with the same most probable label, or of equal ids
    )
    max_abs_error: float  # of any probability; the share of other ids
    max_allowed: float | None  # None: reported only

    @property
    def ok(self) -> bool:
        return self.max_allowed is None or self.max_abs_error <= self.max_allowed

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ok": self.ok}


def open_heads(files: Sequence[str | Path], checkpoint: Checkpoint) -> dict[str, Head]:
    """Read heads from files, each checked to belong to the checkpoint's embedding; return them by
    name.

    Raises `UserError`: no head, two of one name, made for other weights or another readout.
    """
    found: dict[str, Head] = {}
    for file in map(Path, files):
        head, name = heads.read(file), heads.name_of(file)
        if name in found:
            raise UserError(f"{file}: another head is called {name!r}; rename one of the files")
        _check(file, head, checkpoint)
        found[name] = head
    return found


def _check(file: Path, head: Head, checkpoint: Checkpoint) -> None:
    encoder = checkpoint.model.encoder
    if head.model_sha256 != checkpoint.sha256:
        raise UserError(
            f"{file}: made for the weights {head.model_sha256[:12]}, but {checkpoint.folder} has "
            f"{checkpoint.sha256[:12]}; make one for these with tiny-audio-ssl probe "
            f"{checkpoint.folder} --data LABELS.csv --save-head {file}"
        )
    if (head.readout, head.dim) != (encoder.config.readout, encoder.embedding_dim):
        raise UserError(
            f"{file}: made for the readout {' '.join(head.readout)} ({head.dim} numbers), but the "
            f"export has {' '.join(encoder.config.readout)} ({encoder.embedding_dim}); export with "
            f"--readout {' '.join(head.readout)}"
        )


def with_heads(network: nn.Module, found: Mapping[str, Head]) -> nn.Module:
    """Return a module with an output for each head; `network` itself if there are none."""
    return WithHeads(network, [_linear(head) for head in found.values()]) if found else network


def output_names(found: Mapping[str, Head]) -> list[str]:
    """Return the names of an artifact's outputs, in their order."""
    return [EMBEDDING, *(f"scores.{name}" for name in found)]


def describe(found: Mapping[str, Head]) -> list[dict[str, Any]]:
    """Return the manifest's entries for these heads."""
    return [{"name": name, "output": f"scores.{name}", **h.about()} for name, h in found.items()]


def compare_scores(found: Tensor, expected: Tensor, precision: Precision) -> ScoreParity:
    """Compare probabilities [B, classes] with the expected ones."""
    same = found.argmax(dim=1) == expected.argmax(dim=1)
    return ScoreParity(
        top_label_agreement=float(same.float().mean()),
        max_abs_error=float((found - expected).abs().max()),
        max_allowed=MAX_SCORE_ERROR.get(precision),
    )


def _linear(head: Head) -> nn.Linear:
    weight, bias = head.linear()
    layer = nn.Linear(head.dim, len(head.labels))
    layer.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    return layer
