"""What of a model travels: its trained parameters as one vector, the rest as another.

One vector of known order is a few hundred bytes smaller than sixty named arrays, and clipping,
masking, rounding and comparing are then one line each. Both sides derive the order from the model,
so that a message holds numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.training.config import PretrainConfig

Vector = npt.NDArray[np.float32]
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class Travelling:
    """The tensors of a model and its task, in two parts: `weights` are trained and go both ways,
    `fixed` (front-end, other parameters, statistics) only goes down to the devices.

    The tensors are the model's own: writing a vector changes the model.
    """

    weights: dict[str, Tensor]
    fixed: dict[str, Tensor]

    @classmethod
    def of(cls, model: WaveformEncoder, pretext: Pretext, train_only: str = "") -> Travelling:
        """`train_only`: beginnings of names, with commas between; empty: all parameters.

        Raises `UserError` when one of them begins no name.
        """
        parts = {"encoder": model.encoder, "pretext": pretext}
        parameters = _named(parts, lambda m: m.named_parameters())
        buffers = _named({"frontend": model.frontend, **parts}, _state)
        chosen = _chosen(list(parameters), train_only)
        return cls(
            {name: parameters[name] for name in chosen},
            {name: value for name, value in buffers.items() if name not in chosen},
        )


def _named(
    parts: dict[str, nn.Module], list_of: Callable[[nn.Module], Iterable[tuple[str, Tensor]]]
) -> dict[str, Tensor]:
    return {
        f"{part}.{name}": tensor
        for part, module in parts.items()
        for name, tensor in list_of(module)
    }


def _state(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and persistent buffers, but for counters."""
    return [(n, t) for n, t in module.state_dict(keep_vars=True).items() if t.is_floating_point()]


def _chosen(names: Sequence[str], train_only: str) -> list[str]:
    beginnings = [part.strip() for part in train_only.split(",") if part.strip()]
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in names):
            raise UserError(
                f"train-only {beginning!r}: no parameter's name begins so; the names are "
                f"{', '.join(names)}"
            )
    return [n for n in names if not beginnings or n.startswith(tuple(beginnings))]


def read(tensors: dict[str, Tensor]) -> Vector:
    """All of them, one after the other, as float32 [n]."""
    parts = [tensor.detach().cpu().float().flatten() for tensor in tensors.values()]
    joined: Vector = torch.cat(parts).numpy() if parts else np.zeros(0, np.float32)
    return joined


@torch.no_grad()
def write(tensors: dict[str, Tensor], vector: Vector) -> None:
    """The inverse of `read`, in place. Raises `ValueError` when the size is another."""
    sizes = [tensor.numel() for tensor in tensors.values()]
    if vector.shape != (sum(sizes),):
        raise ValueError(f"{vector.shape} numbers for {sum(sizes)}")
    parts = torch.split(torch.from_numpy(np.array(vector)), sizes)
    for tensor, part in zip(tensors.values(), parts, strict=True):
        tensor.copy_(part.reshape(tensor.shape))


def build(config: PretrainConfig, model: WaveformEncoder) -> Pretext:
    """The task's heads for a model, their weights a function of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.training.seed)
        return pretext_class(config.task)(config.pretext, model.encoder, config.frontend)


def freeze_others(model: nn.Module, pretext: Pretext, travelling: Travelling) -> None:
    """Parameters that do not travel up are not trained."""
    for part, module in (("encoder", model), ("pretext", pretext)):
        for name, parameter in module.named_parameters():
            if f"{part}.{name}" not in travelling.weights:
                parameter.requires_grad_(False)


def has_batch_norm(*modules: nn.Module) -> bool:
    return any(isinstance(m, NORMS) for module in modules for m in module.modules())


def freeze_statistics(*modules: nn.Module) -> None:
    """Batch normalisation uses its running statistics, and leaves them."""
    for module in modules:
        for layer in module.modules():
            if isinstance(layer, NORMS):
                layer.eval()
