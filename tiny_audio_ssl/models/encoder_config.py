"""The settings of an encoder. Imports no PyTorch: the command line offers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import COUNT, Range, check_numbers

Norm = Literal["batch", "group"]
Pooling = Literal["mean_max", "max", "attention"]
ReadoutPart = Literal["last", "middle", "mel"]
MiddleScale = Literal["linear", "log"]
PARTS: tuple[ReadoutPart, ...] = ("last", "middle", "mel")

# The keys of `bodies.ENCODERS`.
ENCODER_NAMES = ("mobile", "separable", "dense", "shared", "sinc-mobile")


def checked(parts: Sequence[str]) -> tuple[ReadoutPart, ...]:
    """Return the parts of a readout, each once and in fixed order. Raises `UserError`."""
    if not parts or set(parts) - set(PARTS):
        raise UserError(
            f"readout {' '.join(parts) or '(nothing)'}: expected one or more of {', '.join(PARTS)}"
        )
    return tuple(part for part in PARTS if part in parts)


def readout_text(encoder: Mapping[str, Any]) -> str:
    """Return what an embedding consists of, in words.

    Takes the settings of an `EncoderConfig`; those of older versions lack the later ones.
    """
    notes: dict[str, list[str]] = {"middle": [], "mel": []}
    if encoder.get("middle_scale") == "log":
        notes["middle"].append("log(1 + middle)")
    for part, found in notes.items():
        if count := encoder.get(f"{part}_dct"):
            found.append(f"{count} cosine coefficients")
    words = [(part, ", ".join(notes.get(part, ()))) for part in encoder["readout"]]
    return " ".join(f"{part} ({note})" if note else part for part, note in words)


@dataclass(frozen=True)
class EncoderConfig:
    """Architecture and size of the encoder."""

    name: str = "mobile"
    """Encoder. `mobile`: depthwise-separable convolutions, 3 M multiply-adds per window of 0.975 s;
    `separable`: that of arXiv 1905.11796, 8 M; `dense`: few large products, 4 M; `shared`:
    `mobile` with one block applied four times, 4 M; `sinc-mobile`: `mobile` behind learned
    band-pass filters, for tasks that take waveforms."""
    width: float = 1.0
    """Factor on the channels of every layer, rounded to a multiple of 8."""
    pooling: Pooling = "mean_max"
    """Pooling over time. `mean_max`: mean and maximum, with the frequency rows of the last feature
    map kept; `max`: the paper's global maximum; `attention`: mean and standard deviation with
    learned weights, for tasks whose slices span at least two time steps of the last feature map."""
    projection_dim: int | None = None
    """Size of a linear layer after the pooling. Default: 128 for `max`, as in the paper; no such
    layer for `mean_max`, whose embedding is the pooled map itself."""
    slice_frames: int | None = None
    """Length of the slices, in frames, that longer input is cut into; each is encoded on its own,
    and the results are pooled. Default: the length of the task's slices, so that the encoder never
    sees more at a time than it was trained on."""
    readout: tuple[ReadoutPart, ...] = ("last", "mel")
    """Parts of the embedding. `last`: the last layer, the only part that is trained; `middle`: the
    mean of an early layer over time; `mel`: mean, standard deviation, maximum and change of the
    log-mel."""
    middle_scale: MiddleScale = "linear"
    """Scale of `middle` in the embedding. `linear`: as the layer gives it; `log`: log(1 + x), which
    linear probes read better. Training does not depend on it."""
    middle_dct: int | None = None
    """Number of cosine coefficients (DCT-II) over the frequency rows of `middle` to keep for each
    of its channels. Default: the rows themselves."""
    mel_dct: int | None = None
    """Number of cosine coefficients over the bands to keep of each statistic in `mel`. Default: the
    bands themselves."""
    norm: Norm = "batch"
    """Normalization. `batch` folds into the convolutions and costs nothing on a phone; `group` does
    not depend on the batch but costs time on a phone."""

    def __post_init__(self) -> None:
        if self.name not in ENCODER_NAMES:
            raise UserError(
                f"encoder {self.name!r} is not known; choose from {', '.join(ENCODER_NAMES)}"
            )
        check_numbers(
            self,
            width=Range(0, 16, open_low=True),
            projection_dim=COUNT,
            slice_frames=COUNT,
            middle_dct=COUNT,
            mel_dct=COUNT,
        )
        object.__setattr__(self, "readout", checked(self.readout))

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> EncoderConfig:
        """Undo `asdict`, as found in a checkpoint or a manifest.

        Old checkpoints have no readout (their embedding is the last layer alone), and their name
        for `projection_dim` is `embedding_dim`.
        """
        renamed = {"embedding_dim": "projection_dim"}
        return cls(**{"readout": ("last",), **{renamed.get(k, k): v for k, v in found.items()}})
