"""What defines a run, but its recordings: the command line offers it, a checkpoint keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import EncoderConfig
from tiny_audio_ssl.models.frontend import FrontendConfig
from tiny_audio_ssl.pretext import pretext_class

DEFAULT_TASK = "temporal-gap"


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast, on what."""

    steps: int = 2000
    """Optimizer steps."""
    batch_size: int = 64
    """Clips in a step, over all processes."""
    micro_batches: int | None = None
    """In how many parts a batch is worked through, over all processes; one a process if left out.
    More need less memory."""
    learning_rate: float = 1e-3
    """Highest learning rate of AdamW, reached after the warm-up; then a cosine to zero."""
    weight_decay: float = 0.01
    """Of AdamW; not applied to biases and normalisation."""
    warmup_steps: int = 100
    """Steps in which the learning rate rises from zero."""
    gradient_clip: float = 1.0
    """Largest norm of a step's gradient."""
    seed: int = 0
    """Two runs with one seed, one corpus and one kind of CPU are equal to the bit."""
    held_out: float = 0.05
    """Share of the recordings kept for validation and for comparing artifacts."""
    segment_s: float = 10.0
    """A longer recording counts once for each started segment of so many seconds."""
    log_every: int = 10
    """Steps between two lines of metrics.jsonl."""
    validate_every: int = 200
    """Steps between two looks at the held-out recordings."""
    checkpoint_every: int = 200
    """Steps between two checkpoints."""
    keep_last: int = 2
    """Checkpoints kept, besides the best one."""
    workers: int = 0
    """Processes that read crops; with the cache, reading is so fast that none is needed."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to compute."""
    devices: int = 1
    """Processes on this machine, each with a device (DistributedDataParallel)."""
    num_nodes: int = 1
    """Machines; start each with torchrun."""
    precision: Literal["32", "bf16"] = "32"
    """`bf16`: mixed precision; the front-end stays in float32."""
    compile: bool = False
    """Compile encoder and task with torch.compile: slower to start, faster on GPUs."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "log_every", "validate_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not 0 <= self.held_out < 1:
            raise UserError(f"held_out is {self.held_out}; expected 0 up to less than 1")
        if self.keep_last < 1:
            raise UserError(f"keep_last is {self.keep_last}; expected at least 1")


@dataclass(frozen=True)
class PretrainConfig:
    """All that defines a run, but the recordings."""

    task: str = DEFAULT_TASK
    pretext: Any = None  # the task's Config; its defaults if left out
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    frontend: FrontendConfig = field(default_factory=FrontendConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.pretext is None:
            object.__setattr__(self, "pretext", pretext_class(self.task).Config())
        if self.encoder.slice_frames is None:
            frames = self.pretext.slice_frames(self.frontend)
            object.__setattr__(self, "encoder", replace(self.encoder, slice_frames=frames))

    @property
    def crop_samples(self) -> int:
        return self.frontend.samples(self.pretext.clip_frames(self.frontend))

    @classmethod
    def from_dict(cls, run: dict[str, Any]) -> PretrainConfig:
        """Undo `asdict`, as found in a checkpoint's config."""
        return cls(
            run["task"],
            pretext_class(run["task"]).Config(**run["pretext"]),
            EncoderConfig.from_dict(run["encoder"]),
            FrontendConfig(**run["frontend"]),
            TrainingConfig(**run["training"]),
        )
