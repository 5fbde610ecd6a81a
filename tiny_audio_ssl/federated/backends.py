"""The two ways to compute a client's gradients: eager PyTorch, or ExecuTorch's training runtime.

With `executorch`, the forward and backward passes are those of the training artifact that
`export-training` makes, at the weights of the round. Crops, random draws,
gradient clipping, AdamW and its schedule are the library's in both cases, and so is the reply: the
server can't tell them apart, and clients of one run may differ.
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
from tiny_audio_ssl.federated.config import MODEL_SETTINGS, FederatedConfig, Value
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.fabric import CpuFabric, FabricLike
from tiny_audio_ssl.training.learner import Step
from tiny_audio_ssl.training.run_settings import settings_of

if TYPE_CHECKING:
    from tiny_audio_ssl.export.training.on_device_trainer import OnDeviceTrainer

NODE_CONFIG_KEYS = ("backend", "artifact")  # a client's node config overrides the run's settings
ONLY_KNOWN = "only-known-runs"  # in a client's node config: refuse runs of another artifact


class BackendError(UserError):
    """A client can't compute gradients with the requested backend. The message names no file,
    because the server reads it."""


def with_node_config(config: FederatedConfig, node_config: Mapping[str, Value]) -> FederatedConfig:
    """Return the run's settings with the backend and artifact of the client's node config.

    Raises `BackendError`: the backend is unknown, or can't train with the run's normalization; the
    client takes part in known runs only, and the run does not say which artifact it trains.
    """
    own: dict[str, Any] = {key: node_config[key] for key in NODE_CONFIG_KEYS if key in node_config}
    try:
        changed = replace(config, **own)
    except UserError as error:
        raise BackendError(str(error)) from error
    if node_config.get(ONLY_KNOWN) and not (
        changed.backend == "executorch" and changed.artifact_sha256
    ):
        raise BackendError(
            f"this client takes part only in runs that it knows ({ONLY_KNOWN}): those with backend "
            f"executorch and its own artifact's artifact-sha256; backend is {changed.backend}, "
            f"artifact-sha256 is {changed.artifact_sha256 or 'empty'}"
        )
    return changed


def make_fabric(config: FederatedConfig) -> FabricLike:
    """Return the fabric on which the library's learner runs with the configured backend.

    Raises `BackendError`: no artifact, no runtime, an artifact of another model; `UserError`: an
    artifact that can't be read.
    """
    if config.backend == "eager":
        return CpuFabric()
    if not config.artifact:
        raise BackendError(
            "backend executorch needs a training artifact: make one by `tiny-audio-ssl "
            "export-training RUN`, and name its folder with artifact, in the run config "
            "or in the client's node config"
        )
    if importlib.util.find_spec("executorch") is None:
        raise BackendError(
            "backend executorch needs its runtime on the client: "
            'pip install "tiny-audio-ssl[executorch]", or set backend="eager" in its node config'
        )
    return ArtifactFabric(config)


@dataclass(frozen=True)
class LoadedArtifact:
    """A training artifact, opened."""

    trainer: OnDeviceTrainer
    settings: PretrainConfig  # of the run that it was exported from
    statistics: dict[str, Tensor]  # its batch-norm statistics, which never change


class ArtifactFabric(CpuFabric):
    """A fabric whose forward and backward passes run in a training artifact."""

    def __init__(self, config: FederatedConfig) -> None:
        self.artifact = _open_artifact(Path(config.artifact))
        wanted, trainer = config.pretrain(), self.artifact.trainer
        if config.artifact_sha256 not in ("", trainer.entry["sha256"]):
            raise BackendError(
                f"the artifact's SHA-256 is {trainer.entry['sha256']}; "
                f"the run's artifact-sha256 is {config.artifact_sha256}"
            )
        for name in MODEL_SETTINGS:
            found, expected = getattr(self.artifact.settings, name), getattr(wanted, name)
            if found != expected:
                raise BackendError(f"the artifact's {name} is {found}; the run's is {expected}")
        if trainer.batch_size != config.batch_size:
            raise BackendError(
                f"the artifact takes {trainer.batch_size} clips in a step, and batch-size is "
                f"{config.batch_size}; set that, or export with --batch-size {config.batch_size}"
            )

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Raise `BackendError` if the server's batch-norm statistics differ from the artifact's."""
        kept = self.artifact.statistics
        if not all(torch.equal(v, kept[name]) for name, v in _statistics(module).items()):
            raise BackendError(
                "the artifact's frozen batch-norm statistics are not those that the server sent; "
                "export it from the checkpoint that the run starts from"
            )
        return ArtifactStep(module, self.artifact.trainer), optimizer


class ArtifactStep(nn.Module):
    """A training step whose loss and gradients the runtime computes, at the module's weights."""

    def __init__(self, step: nn.Module, trainer: OnDeviceTrainer) -> None:
        super().__init__()
        self.step, self.trainer = step, trainer

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        """Return {"loss": scalar}, without the other values that a task may log."""
        parameters = dict(self.step.named_parameters())
        self.trainer.set_weights({name: value.detach() for name, value in parameters.items()})
        loss, gradients = self.trainer.gradients(inputs)
        known = [gradients[name] for name in parameters]
        loss = _PrecomputedLoss.apply(loss, known, *parameters.values())  # type: ignore[no-untyped-call]
        return {"loss": loss}


class _PrecomputedLoss(torch.autograd.Function):
    """A loss whose gradients were computed elsewhere, so that `backward` hands them on."""

    @staticmethod
    def forward(ctx: Any, loss: float, gradients: list[Tensor], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return torch.tensor(loss)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, *(slope * gradient for gradient in ctx.gradients)


@lru_cache(maxsize=1)  # one process of a simulation plays many clients
def _open_artifact(folder: Path) -> LoadedArtifact:
    from tiny_audio_ssl.export.training.on_device_trainer import OnDeviceTrainer
    from tiny_audio_ssl.export.training.to_training import START, load_task

    trainer = OnDeviceTrainer(folder)
    start = checkpoint.load(folder / START)
    settings = settings_of(start)
    pretext, _ = load_task(start, settings)
    return LoadedArtifact(trainer, settings, _statistics(Step(start.model.encoder, pretext)))


def _statistics(step: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in step.named_buffers() if "running_" in name}
