"""Subject: one artifact, eager model or peer to time, and the name that tables show for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tiny_audio_ssl.errors import UserError

if TYPE_CHECKING:
    from torch import nn

STREAM = "stream"  # the kind of input that arrives packet by packet
PEER = "peer"  # in place of a model's name, for files of other projects


@dataclass(frozen=True)
class Subject:
    """One thing to time. A run is one window, or one packet of a stream, with a batch of one."""

    model: str  # tells exports apart: the end of their paths; or PEER
    artifact: str  # file name, or "eager waveform", "torch.compile waveform"
    runtime: str  # distribution that runs it: torch, executorch or onnxruntime
    precision: str | None
    input: str  # waveform, mel or stream; for a peer the input's name in its graph
    shapes: tuple[tuple[int, ...], ...]  # of the inputs: the sound first, then a stream's state
    window_ms: float | None  # new sound in a run
    multiply_adds: int | None  # in a run, front-end included where it is in the artifact
    path: Path | None = None  # of the artifact
    sizes_vary: bool = False  # its input has several sizes; `shapes` are those of one window
    network: nn.Module | None = field(default=None, repr=False, compare=False)  # of an eager model

    @property
    def name(self) -> str:
        """`model/artifact`."""
        return f"{self.model}/{self.artifact}"

    @property
    def is_stream(self) -> bool:
        """Whether a run is a packet that hands its state on to the next."""
        return self.input == STREAM

    def check_native(self) -> None:
        """Refuse a .pte of several sizes, of which the C++ runner would time the largest.

        Raises `UserError`.
        """
        if self.path and self.path.suffix == ".pte" and self.sizes_vary:
            raise UserError(
                f"{self.path}: its input has several sizes, and the C++ runner takes the largest; "
                "export it without --max-window-ms and --max-batch, or time it with --target host"
            )
