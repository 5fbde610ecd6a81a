"""The settings of a run, without its recordings.

Imports no PyTorch: the command line offers these settings, and checkpoints store them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import config_class
from tiny_audio_ssl.utils.ranges import (
    COUNT,
    COUNT_OR_0,
    DURATION_S,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    SHARE_BELOW_1,
    check_numbers,
)

DEFAULT_TASK = "temporal-gap"


@dataclass(frozen=True)
class TrainingConfig:
    """Length, speed and hardware of the training."""

    steps: int = 2000
    """Optimizer steps."""
    batch_size: int = 64
    """Clips per step, over all processes."""
    micro_batches: int | None = None
    """Parts that a batch is divided into, over all processes. More parts need less memory. Default:
    one per process."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW, reached after the warm-up; it then decays to zero along a
    cosine."""
    weight_decay: float = 0.01
    """Weight decay of AdamW; not applied to biases and normalization."""
    average: float = 0.0
    """Decay of a moving average of the encoder's weights, such as 0.999. Checkpoints then hold the
    average instead of the weights. 0: no average."""
    warmup_steps: int = 100
    """Steps in which the learning rate rises from zero."""
    gradient_clip: float = 1.0
    """Maximum norm of the gradient."""
    seed: int = 0
    """Random seed. Two runs with the same seed, recordings and kind of CPU are bit-identical."""
    held_out: float = 0.05
    """Share of the recordings held out for validation and for comparing artifacts with the model.
    """
    held_out_seed: int | None = None
    """Seed that the held-out recordings are drawn with. Default: `seed`. Runs with the same seed
    here hold out the same recordings, whatever the seed of their training."""
    segment_s: float = 10.0
    """Length of a segment. A longer recording counts once for each segment, including a last
    partial one."""
    log_every: int = 10
    """Steps between two lines of metrics.jsonl."""
    validate_every: int = 200
    """Steps between two evaluations on the held-out recordings."""
    checkpoint_every: int = 200
    """Steps between two checkpoints."""
    keep_last: int = 2
    """Checkpoints kept, besides the best one."""
    workers: int = 0
    """Processes that read crops. The cache is fast enough to need none."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Device to train on."""
    devices: int = 1
    """Processes on this machine, each with its own device (DistributedDataParallel)."""
    num_nodes: int = 1
    """Number of machines; start the command on each with torchrun."""
    precision: Literal["32", "bf16"] = "32"
    """Number format: `32`, or `bf16` for mixed precision with the front-end in float32."""
    compile: bool = False
    """Compile encoder and task with torch.compile: slower start, faster steps on GPUs."""

    @property
    def split_seed(self) -> int:
        """Return the seed that the held-out recordings are drawn with."""
        return self.seed if self.held_out_seed is None else self.held_out_seed

    def __post_init__(self) -> None:
        check_numbers(
            self,
            steps=COUNT,
            batch_size=COUNT,
            micro_batches=COUNT,
            learning_rate=POSITIVE,
            weight_decay=NOT_NEGATIVE,
            average=SHARE_BELOW_1,
            warmup_steps=COUNT_OR_0,
            gradient_clip=POSITIVE,
            seed=SEED,
            held_out=SHARE_BELOW_1,
            held_out_seed=SEED,
            segment_s=DURATION_S,
            log_every=COUNT,
            validate_every=COUNT,
            checkpoint_every=COUNT,
            keep_last=COUNT,
            workers=COUNT_OR_0,
            devices=COUNT,
            num_nodes=COUNT,
        )


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that defines a run, except for its recordings."""

    task: str = DEFAULT_TASK
    pretext: Any = None  # the task's Config; its defaults if left out
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    frontend: FrontendConfig = None  # type: ignore[assignment]  # what the task wants if left out
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if self.pretext is None:
            object.__setattr__(self, "pretext", config_class(self.task)())
        if self.frontend is None:
            object.__setattr__(self, "frontend", self.pretext.wants)
        if self.encoder.slice_frames is None:
            frames = self.pretext.slice_frames(self.frontend)
            object.__setattr__(self, "encoder", replace(self.encoder, slice_frames=frames))

    @property
    def crop_samples(self) -> int:
        """Samples in one random crop of a recording, as one clip of the task needs them."""
        return self.frontend.samples(self.pretext.clip_frames(self.frontend))

    def changed(self, **changes: Any) -> PretrainConfig:
        """Return a copy with other values for fields of this class or of `TrainingConfig`.

        Another task takes its default settings unless `pretext` is passed too. The encoder's
        `slice_frames`, and the front-end if it was the task's own, follow the task.

        Raises `UserError` for unknown settings and for values out of range.
        """
        own = {f.name for f in fields(self)} - {"training"}
        steps = {f.name for f in fields(TrainingConfig)}
        if unknown := sorted(set(changes) - own - steps):
            listed = ", ".join(sorted(own | steps))
            raise UserError(f"no setting {', '.join(unknown)}; choose from {listed}")
        top = {name: value for name, value in changes.items() if name in own}
        if "task" in top:
            top.setdefault("pretext", None)
            if self.frontend == self.pretext.wants:
                top.setdefault("frontend", None)
        if top:
            top.setdefault("encoder", replace(self.encoder, slice_frames=None))
        training = {name: value for name, value in changes.items() if name in steps}
        return replace(self, **top, training=replace(self.training, **training))

    @classmethod
    def from_dict(cls, run: dict[str, Any]) -> PretrainConfig:
        """Return the settings from the output of `asdict`, as stored in a checkpoint's config."""
        return cls(
            run["task"],
            config_class(run["task"])(**run["pretext"]),
            EncoderConfig.from_dict(run["encoder"]),
            FrontendConfig(**run["frontend"]),
            TrainingConfig(**run["training"]),
        )
