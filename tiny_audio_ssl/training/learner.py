"""One optimizer step of any pretext task, shared by training and federated clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tiny_audio_ssl.data.batches import Batch, middle_crops, seed_of, sequential
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.stored_rows import StoredRows
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import Encoder, WaveformEncoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.training import optimizer
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.fabric import FabricLike
from tiny_audio_ssl.training.metrics_log import spread
from tiny_audio_ssl.utils.random_state import seeded

VALIDATION = 2**32 - 1  # in place of the step, in the seeds of validation


class Step(nn.Module):
    """Encoder and task as one module, to be compiled, cast and distributed.

    A learned front-end is part of it and turns "wav" into "logmel", always in float32.
    """

    def __init__(self, encoder: Encoder, pretext: Pretext, frontend: LogMel | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.pretext = pretext
        self.frontend = frontend

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        if self.frontend is not None:
            wav = inputs.pop("wav")
            with torch.autocast(wav.device.type, enabled=False):
                inputs["logmel"] = self.frontend(wav)
        out: dict[str, Tensor] = self.pretext(self.encoder, **inputs)
        return out


class HeldOutLoss(NamedTuple):
    """The loss on recordings that are not trained on."""

    loss: float  # mean over the clips
    spread: float  # of the embedding
    clips: int  # that it is the mean of


class Learner:
    """A model, its task and an optimizer on one device.

    A batch is processed in `micro_batches` parts, each with its own draw. Parameters that require
    no gradient when the learner is built are not trained.
    """

    def __init__(
        self,
        config: PretrainConfig,
        model: WaveformEncoder,
        pretext: Pretext,
        fabric: FabricLike,
        micro_batches: int = 1,
    ) -> None:
        self.config, self.options = config, config.training
        self.model, self.pretext, self.fabric = model, pretext, fabric
        self.micro_batches = micro_batches
        self.min_clips = pretext.clips_needed(config.pretext)
        self.frontend = model.frontend.to(fabric.device)
        # Convolutions are faster (benchmarks/results/training_speed.csv). Not in 16 bits, where
        # some CPUs give gradients that are not finite for maps of a few frames.
        if self.options.precision == "32":
            # PyTorch's stubs do not know this argument.
            model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        learned = model.frontend if model.frontend.is_learned else None
        module: nn.Module = Step(model.encoder, pretext, learned).train()
        if self.options.compile:
            module.compile()
        adamw = optimizer.build(module, self.options)
        self.names = optimizer.parameter_names(module, adamw)
        self.module, self.optimizer = fabric.setup(module, adamw)

    def step(
        self, clips: Batch, step: int, penalty: Callable[[], Tensor] | None = None
    ) -> dict[str, Tensor | float]:
        """Train on a batch as step 0, 1, ... of the run; return the loss and values to log.

        `penalty` is added to the loss that is minimized, but not to the one that is returned.
        """
        learning_rate = optimizer.schedule(step, self.options)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        parts = _chunks(clips, self.micro_batches)
        record: dict[str, Tensor | float] = {}
        for index, part in enumerate(parts):
            micro_batch = self.fabric.global_rank * self.micro_batches + index
            unfinished = index + 1 < len(parts)
            with self.fabric.no_backward_sync(self.module, enabled=unfinished):
                out = self.forward(part, step, micro_batch)
                loss = out["loss"] if penalty is None else out["loss"] + penalty()
                self.fabric.backward(loss / len(parts))
            for name, value in out.items():
                value = spread(value) if name == "embedding" else value.detach()
                record[name] = record.get(name, 0) + value / len(parts)
        self.fabric.clip_gradients(
            self.module,
            self.optimizer,
            max_norm=self.options.gradient_clip,
            error_if_nonfinite=False,
        )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.pretext.after_step(self.model.encoder, step + 1, self.options.steps)
        record["learning_rate"] = learning_rate
        return record

    def forward(self, clips: Batch, *seeds: int) -> dict[str, Tensor]:
        """Return the output of the task for a batch; `seeds` determine everything random."""
        if (count := _count(clips)) < self.min_clips:
            raise UserError(
                f"{self.config.task} compares clips with one another, and needs {self.min_clips} "
                f"or more at a time; it received {count}"
            )
        seed = seed_of(self.options.seed, *seeds)
        clips = _moved(clips, self.fabric.device)
        with seeded(seed):  # for modules that draw in the forward pass, such as dropout
            with torch.no_grad():
                inputs = self.pretext.inputs(self.frontend, clips, self.generator(*seeds))
            out: dict[str, Tensor] = self.module(**inputs)
        return out

    def generator(self, *seeds: int) -> torch.Generator:
        """Return the generator for a step's draws; other seeds give another generator."""
        return torch.Generator().manual_seed(seed_of(self.options.seed, *seeds))

    @property
    def part_size(self) -> int:
        """Number of clips that are validated at a time."""
        return max(1, self.options.batch_size // self.micro_batches)

    def held_out_loss(self, recordings: Recordings) -> HeldOutLoss | None:
        """Return the mean loss and the spread of the embedding, on the same crops every time.

        A last part of fewer clips than the task compares is left out. Returns None if nothing is
        left.
        """
        columns = (self.config.pretext.class_lists(), self.config.pretext.word_columns())
        crop = self.config.crop_samples
        return self.mean_loss(middle_crops(recordings, crop, self.part_size, *columns))

    @torch.no_grad()
    def mean_loss(self, batches: Iterable[Batch]) -> HeldOutLoss | None:
        """Return the same as `held_out_loss`, for batches of crops or of prepared rows."""
        self.module.eval()
        losses, embeddings, count = 0.0, [], 0
        for index, clips in enumerate(batches):
            if (size := _count(clips)) < self.min_clips:
                continue
            out = self.forward(clips, VALIDATION, index)
            losses += float(out["loss"]) * size
            embeddings.append(out["embedding"])
            count += size
        self.module.train()
        if not count:
            return None
        return HeldOutLoss(losses / count, float(spread(torch.cat(embeddings))), count)

    def optimizer_state(self) -> dict[str, Tensor]:
        """Return the state of the optimizer by parameter name; empty before the first step."""
        return optimizer.state(self.optimizer, self.names)

    def load_optimizer(self, state: dict[str, Tensor]) -> None:
        """Load the output of `optimizer_state`."""
        optimizer.load_state(self.optimizer, self.names, state)


def _count(batch: Batch) -> int:
    return len(next(iter(batch.values()))) if isinstance(batch, dict) else len(batch)


def _moved(batch: Batch, device: torch.device) -> Batch:
    if isinstance(batch, dict):
        return {name: part.to(device, non_blocking=True) for name, part in batch.items()}
    return batch.to(device, non_blocking=True)


def _chunks(batch: Batch, count: int) -> Sequence[Batch]:
    if not isinstance(batch, dict):
        return batch.chunk(count)
    chunks = zip(*(part.chunk(count) for part in batch.values()), strict=True)
    return [dict(zip(batch, parts, strict=True)) for parts in chunks]


def fit_frontend(config: PretrainConfig, model: WaveformEncoder, recordings: Recordings) -> None:
    """Fit the front-end on the middle crops of at most 2,000 recordings."""
    model.frontend.fit(_crops(config, recordings))


@torch.no_grad()
def fit_pretext(
    config: PretrainConfig,
    model: WaveformEncoder,
    pretext: Pretext,
    recordings: Recordings,
    rows: StoredRows | None = None,
) -> None:
    """Fit the task on the rows that it has prepared, or else on crops as `fit_frontend` takes."""
    if rows is not None:
        pretext.fit_rows(rows)
        return
    pretext.fit_crops(model.frontend, list(_crops(config, recordings)))


def _crops(config: PretrainConfig, recordings: Recordings) -> Iterator[Tensor]:
    chosen = recordings.select(range(0, len(recordings), -(-len(recordings) // 2000)))
    return sequential(chosen, config.crop_samples, 64)
