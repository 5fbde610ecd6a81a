"""ExportConfig: every setting of an export. Imports nothing heavy, so that `--help` is fast."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import ANY, COUNT, COUNT_OR_0, DURATION_MS, SEED, check_numbers

FormatName = Literal["executorch", "onnx"]
Precision = Literal["fp32", "fp16", "int8-weights", "int8"]  # largest file first
Input = Literal["waveform", "mel", "stream"]

NOT_STATED = "not stated"
EMBEDDING = "embedding"


@dataclass(frozen=True)
class ExportConfig:
    """Settings of an export: artifacts, recordings, and the required parity with the model."""

    format: tuple[FormatName, ...] = ("executorch", "onnx")
    """File formats: .pte for ExecuTorch (XNNPACK), .onnx for ONNX Runtime."""
    precision: tuple[Literal[Precision, "all"], ...] = ()
    """Precisions of the encoder; the front-end stays in float32. int8-weights computes in float32
    and is for .onnx only. `all` stands for every precision that a format supports. Default: fp32
    and int8; every candidate if a target is set; fp32 alone for a --product."""
    input: tuple[Input, ...] = ("waveform", "mel")
    """Inputs of the artifacts: 16 kHz samples, the normalized log-mel, or packets of a continuous
    stream of samples (see docs/streaming.md)."""
    product: str = EMBEDDING
    """Output of the artifacts: `embedding`, or the name of another product of the run's task, such
    as `units` (docs/byproducts.md lists them)."""
    window_ms: float = WINDOW_MS
    """Length of the sound that an artifact takes at a time."""
    max_window_ms: float | None = None
    """Maximum window length, in whole slices of the encoder, to accept besides shorter windows.
    Default: windows of one length."""
    max_batch: int | None = None
    """Maximum number of windows that an artifact takes at a time. Default: 1 in ExecuTorch, any
    number in ONNX."""
    packet_ms: float | None = None
    """Length of the sound that a stream takes at a time, a whole number of hops. Default: the
    checkpoint's slice, at most 320."""
    slice_ms: float | None = None
    """Length of the slices in which the encoder reads a packet, e.g. 80 to process four packets of
    80 ms in one step of 320. Default: the checkpoint's slice if a packet is a whole number of them,
    otherwise the packet."""
    readout: tuple[str, ...] = ()
    """Parts of the embedding: last, middle, mel. Default: those of the checkpoint."""
    head: tuple[Path, ...] = ()
    """Heads of this run (from `probe --save-head`), whose probabilities become outputs."""
    calibration: str | None = None
    """Recordings for calibrating int8 and for comparing artifacts with the model. Default: the
    run's own."""
    calibration_clips: int = 64
    """Number of windows for calibrating int8."""
    parity: bool = True
    """Compare each artifact with the model."""
    parity_clips: int = 100
    """Number of other windows on which artifact and model are compared."""
    min_snr_db: float | None = None
    """Minimum signal-to-noise ratio of int8 embeddings. Default: 20. (For fp32, it is always 60.)
    """
    target_snr_db: float | None = None
    """Signal-to-noise ratio to reach; only the smallest precision that does is kept (25 is good).
    """
    max_probe_drop: float | None = None
    """Accuracy, in percentage points, that a linear probe may lose on any labeled task (--data or
    --suite); only the smallest precision within this limit is kept."""
    background: bool = False
    """Learn from the run's recordings, or those of --calibration, a background that sounds taught
    by examples are compared with. Shipped models come with one."""
    seed: int = 0
    """Seed of the random windows."""
    license: str = NOT_STATED
    """License of the weights, for MODEL_CARD.md and the manifest: a name such as apache-2.0."""
    probes: tuple[Path, ...] = ()
    """Results of `probe --out` for MODEL_CARD.md. Default: RUN/scores.json, if there is one."""

    def __post_init__(self) -> None:
        # Where a tuple is expected, a list or a single value will do: precision="int8".
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, tuple):
                value = (value,) if isinstance(value, str | Path) else tuple(value)
                convert = Path if field.name in ("head", "probes") else str
                object.__setattr__(self, field.name, tuple(map(convert, value)))
        check_numbers(
            self,
            window_ms=DURATION_MS,
            max_window_ms=DURATION_MS,
            max_batch=COUNT,
            packet_ms=DURATION_MS,
            slice_ms=DURATION_MS,
            calibration_clips=COUNT_OR_0,
            parity_clips=COUNT_OR_0,
            min_snr_db=ANY,
            target_snr_db=ANY,
            max_probe_drop=ANY,
            seed=SEED,
        )

    @property
    def of_embedding(self) -> bool:
        """Whether the artifacts return the embedding rather than another product."""
        return self.product == EMBEDDING

    @property
    def has_target(self) -> bool:
        """Whether precisions are tried from the smallest upwards until one meets the target."""
        return self.target_snr_db is not None or self.max_probe_drop is not None

    def check(self) -> None:
        """Raise `UserError` for settings that exclude each other or lack one another."""
        stream, compared = "stream" in self.input, self.parity
        other = not self.of_embedding
        for wrong, said in (
            (other and self.packet_ms is not None,
             f"--product {self.product} takes packets as long as the task's slices; leave out "
             "--packet-ms"),
            (other and bool(self.head or self.readout),
             f"--product {self.product} can't be combined with --head or --readout, which are for "
             "embeddings"),
            (other and self.background,
             f"--product {self.product} can't be combined with --background, which is for "
             "embeddings"),
            (other and (set(self.precision) - {"fp32"} or self.has_target),
             f"--product {self.product} is exported in fp32 alone; leave out --precision, "
             "--target-snr-db and --max-probe-drop"),
            (other and (self.max_window_ms is not None or self.max_batch is not None),
             f"--product {self.product} takes windows of one length; leave out --max-window-ms and "
             "--max-batch"),
            (stream and self.head,
             "--input stream can't be combined with --head; export heads with --input waveform"),
            (stream and self.has_target,
             "--input stream can't be combined with a target (--target-snr-db, --max-probe-drop); "
             "search with --input waveform, then export the stream with the --precision found"),
            (stream and (self.max_window_ms is not None or self.max_batch is not None),
             "--input stream can't be combined with --max-window-ms or --max-batch; export other "
             "inputs by a command of their own"),
            (self.packet_ms is not None and not stream,
             f"--packet-ms {self.packet_ms or 0:g} is for streams; add --input stream"),
            (self.slice_ms is not None and not (stream and self.of_embedding),
             f"--slice-ms {self.slice_ms or 0:g} is for streams of embeddings; add --input stream "
             "and leave out --product"),
            (self.has_target and not compared,
             "a target needs the comparison with the model; leave out --no-parity"),
            (self.min_snr_db is not None and not compared,
             f"--min-snr-db {self.min_snr_db or 0:g} needs the comparison with the model; leave "
             "out --no-parity"),
        ):  # fmt: skip
            if wrong:
                raise UserError(said)


@dataclass(frozen=True)
class TrainingExportConfig:
    """Settings of a training artifact."""

    batch_size: int = 8
    """Clips per training step; the artifact accepts no other number."""
    license: str = NOT_STATED
    """License of the weights, for the manifest: a name such as apache-2.0."""

    def __post_init__(self) -> None:
        check_numbers(self, batch_size=COUNT)
