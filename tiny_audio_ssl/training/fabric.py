"""Device, precision and processes of a training: Lightning Fabric, or one CPU without it.

Fabric takes two seconds to import. It is left out where nothing of it is needed: in float32 on one
CPU, where its every method is one line of PyTorch or none.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from tiny_audio_ssl.training.config import TrainingConfig
from tiny_audio_ssl.utils.light_imports import absent

PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed"}
Numbers = TypeVar("Numbers", Tensor, dict[str, Tensor])


class FabricLike(Protocol):
    """The part of Lightning Fabric that training uses, with Fabric's names and meanings."""

    @property
    def device(self) -> torch.device: ...
    @property
    def global_rank(self) -> int: ...
    @property
    def local_rank(self) -> int: ...
    @property
    def world_size(self) -> int: ...
    @property
    def is_global_zero(self) -> bool: ...
    def setup(self, module: nn.Module, optimizer: Optimizer) -> Any: ...
    def no_backward_sync(
        self, module: Any, enabled: bool = True
    ) -> AbstractContextManager[None]: ...
    def backward(self, tensor: Tensor) -> None: ...
    def clip_gradients(
        self, module: Any, optimizer: Any, *, max_norm: float, error_if_nonfinite: bool
    ) -> Any: ...
    def all_reduce(self, data: Any, *, reduce_op: str = "mean") -> Any: ...
    def barrier(self) -> None: ...
    def rank_zero_first(self, local: bool = False) -> AbstractContextManager[None]: ...


class CpuFabric:
    """One process that computes on the CPU in float32."""

    device = torch.device("cpu")
    global_rank = local_rank = 0
    world_size = 1
    is_global_zero = True

    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        return module, optimizer

    def no_backward_sync(
        self, module: nn.Module, enabled: bool = True
    ) -> AbstractContextManager[None]:
        return nullcontext()

    def backward(self, tensor: Tensor) -> None:
        tensor.backward()  # type: ignore[no-untyped-call]  # PyTorch lacks types

    def clip_gradients(
        self, module: nn.Module, optimizer: Optimizer, *, max_norm: float, error_if_nonfinite: bool
    ) -> Tensor:
        return nn.utils.clip_grad_norm_(
            module.parameters(), max_norm, error_if_nonfinite=error_if_nonfinite
        )

    def all_reduce(self, data: Numbers, *, reduce_op: str = "mean") -> Numbers:
        return data

    def barrier(self) -> None:
        return

    def rank_zero_first(self, local: bool = False) -> AbstractContextManager[None]:
        return nullcontext()


class LaunchedCpu(CpuFabric):
    """A stand-in for a Fabric with one CPU, which trains to identical bits."""

    def clip_gradients(
        self, module: nn.Module, optimizer: Optimizer, *, max_norm: float, error_if_nonfinite: bool
    ) -> Tensor:
        """Clip by the norm of all gradients, summed in the optimizer's order, as Fabric does."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        return nn.utils.clip_grad_norm_(parameters, max_norm, error_if_nonfinite=error_if_nonfinite)


def launch(options: TrainingConfig) -> FabricLike:
    """Start the processes that the options ask for, or join those that torchrun started."""
    if _is_one_cpu(options):
        return LaunchedCpu()
    with absent("torchmetrics"):  # which it imports to look up its version, and SciPy with it
        from lightning_fabric import Fabric
    fabric = Fabric(
        accelerator=options.accelerator,
        devices=options.devices,
        num_nodes=options.num_nodes,
        strategy="ddp" if options.devices * options.num_nodes > 1 else "auto",
        precision=PRECISIONS[options.precision],
    )
    fabric.launch()
    return fabric


def _is_one_cpu(options: TrainingConfig) -> bool:
    """Tell whether the options ask for float32 in one process on a machine's CPU."""
    on_cpu = options.accelerator == "cpu" or (
        options.accelerator == "auto" and not torch.accelerator.is_available()
    )
    return on_cpu and options.precision == "32" and options.devices * options.num_nodes == 1
