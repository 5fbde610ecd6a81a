"""What works out a step's loss and gradients: eager PyTorch, or ExecuTorch's training runtime.

This is the one place where they meet. With `executorch` the forward and the backward pass are those
of the training artifact that `export-training` makes; its weights are the
round's. Crops, random draws, clipping, AdamW and its schedule are the library's with either, and so
is the message: the server can't tell them apart, and a fleet may be mixed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import DESCRIBE_MODEL, FederatedConfig, Value
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.learner import CpuFabric, FabricLike, Step

if TYPE_CHECKING:
    from tiny_audio_ssl.export.training.on_device_trainer import OnDeviceTrainer

OF_DEVICE = ("backend", "artifact")  # keys of a node config that go before the run's


class Unequipped(UserError):
    """What a device lacks, in words that name no file of it: the server is told them."""


def of_device(config: FederatedConfig, node: Mapping[str, Value]) -> FederatedConfig:
    """The run's settings, with the backend and artifact that this device's node config names.

    Raises `Unequipped`: a backend that is not known, or that can't train as the others do.
    """
    own: dict[str, Any] = {key: node[key] for key in OF_DEVICE if key in node}
    try:
        return replace(config, **own)
    except UserError as error:
        raise Unequipped(str(error)) from error


def process(config: FederatedConfig) -> FabricLike:
    """What the library's learner runs on.

    Raises `Unequipped`: no artifact, no runtime, an artifact of another model; `UserError`: an
    artifact that can't be read.
    """
    if config.backend == "eager":
        return CpuFabric()
    if not config.artifact:
        raise Unequipped(
            "backend executorch needs a training artifact: make one by `tiny-audio-ssl "
            "export-training RUN`, and name its folder by artifact, in the run config or "
            "in the device's node config"
        )
    if importlib.util.find_spec("executorch") is None:
        raise Unequipped(
            "backend executorch needs its runtime on the device: "
            'pip install "tiny-audio-ssl[executorch]", or let its node config say backend="eager"'
        )
    return InArtifact(config)


@dataclass(frozen=True)
class Artifact:
    trainer: OnDeviceTrainer
    model: PretrainConfig  # that it was exported from
    statistics: dict[str, Tensor]  # of its norms, which it keeps


class InArtifact(CpuFabric):
    """A process whose forward and backward passes are the artifact's."""

    def __init__(self, config: FederatedConfig) -> None:
        self.artifact = _opened(Path(config.artifact))
        own, trainer = config.pretrain(), self.artifact.trainer
        for name in DESCRIBE_MODEL:
            found, expected = getattr(self.artifact.model, name), getattr(own, name)
            if found != expected:
                raise Unequipped(f"the artifact's {name} is {found}; the run's is {expected}")
        if trainer.batch_size != config.batch_size:
            raise Unequipped(
                f"the artifact takes {trainer.batch_size} clips in a step, and batch-size is "
                f"{config.batch_size}; set that, or export with --batch-size {config.batch_size}"
            )

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Raises `Unequipped` when the norms' statistics that came are not the artifact's."""
        kept = self.artifact.statistics
        if not all(torch.equal(v, kept[name]) for name, v in _statistics(module).items()):
            raise Unequipped(
                "the artifact's frozen batch-norm statistics are not those that the server sent; "
                "export it from the checkpoint that the run starts from"
            )
        return StepInArtifact(module, self.artifact.trainer), optimizer


class StepInArtifact(nn.Module):
    """A step whose loss and gradients are worked out by the runtime, at the module's weights."""

    def __init__(self, step: nn.Module, trainer: OnDeviceTrainer) -> None:
        super().__init__()
        self.step, self.trainer = step, trainer

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """{"loss": scalar}, and nothing else that the task would log."""
        parameters = dict(self.step.named_parameters())
        self.trainer.set_weights({name: value.detach() for name, value in parameters.items()})
        loss, gradients = self.trainer.gradients(inputs)
        known = [gradients[name] for name in parameters]
        return {"loss": _Known.apply(loss, known, *parameters.values())}  # type: ignore[no-untyped-call]


class _Known(torch.autograd.Function):
    """A loss whose gradients were worked out elsewhere, for PyTorch to go on with."""

    @staticmethod
    def forward(ctx: Any, loss: float, gradients: list[Tensor], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return torch.tensor(loss)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *(slope * gradient for gradient in ctx.gradients)


@lru_cache(maxsize=1)  # a simulation's process plays many devices
def _opened(folder: Path) -> Artifact:
    from tiny_audio_ssl.export.training.on_device_trainer import OnDeviceTrainer
    from tiny_audio_ssl.export.training.to_training import START, load_task

    trainer = OnDeviceTrainer(folder)
    start = checkpoint.load(folder / START)
    model = PretrainConfig.from_dict(start.run)
    pretext, _ = load_task(start, model)
    return Artifact(trainer, model, _statistics(Step(start.model.encoder, pretext)))


def _statistics(step: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in step.named_buffers() if "running_" in name}
