"""A model as two vectors: the parameters that clients train, and everything else.

One vector of known order is a few hundred bytes smaller than sixty named arrays, and clipping,
masking, rounding and comparing are then one line each. Both sides derive the order from the model,
so that a message holds only numbers.
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
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.pretext.building import build_task
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.utils.random_state import seeded

Vector = npt.NDArray[np.float32]
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class ExchangedTensors:
    """The tensors of a model and its task, in two parts: `weights` are trained and travel both
    ways; `fixed` (statistics, other parameters) only travels to the clients.

    The tensors are the model's own: loading a vector into them changes the model.
    """

    weights: dict[str, Tensor]
    fixed: dict[str, Tensor]

    @classmethod
    def of(cls, model: WaveformEncoder, pretext: Pretext, train_only: str = "") -> ExchangedTensors:
        """Sort a model's tensors; `train_only`: comma-separated prefixes of the names of the
        parameters to train, empty for all.

        Raises `UserError` for a prefix that no parameter has.
        """
        parts = {"frontend": model.frontend, "encoder": model.encoder, "pretext": pretext}
        parameters = _named(parts, lambda m: m.named_parameters())
        buffers = _named(parts, _state)
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
    """Return parameters and persistent buffers, without counters."""
    return [(n, t) for n, t in module.state_dict(keep_vars=True).items() if t.is_floating_point()]


def _chosen(names: Sequence[str], train_only: str) -> list[str]:
    prefixes = [part.strip() for part in train_only.split(",") if part.strip()]
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in names):
            raise UserError(
                f"train-only {prefix!r}: no parameter's name has this prefix; the names are "
                f"{', '.join(names)}"
            )
    return [n for n in names if not prefixes or n.startswith(tuple(prefixes))]


def to_vector(tensors: dict[str, Tensor]) -> Vector:
    """Concatenate all tensors, flattened: float32 [n]."""
    parts = [tensor.detach().cpu().float().flatten() for tensor in tensors.values()]
    joined: Vector = torch.cat(parts).numpy() if parts else np.zeros(0, np.float32)
    return joined


@torch.no_grad()
def load_vector(tensors: dict[str, Tensor], vector: Vector) -> None:
    """Load the output of `to_vector`, in place. Raises `ValueError` for a vector of another
    size."""
    sizes = [tensor.numel() for tensor in tensors.values()]
    if vector.shape != (sum(sizes),):
        raise ValueError(f"a vector of shape {vector.shape}; expected ({sum(sizes)},)")
    parts = torch.split(torch.from_numpy(np.array(vector)), sizes)
    for tensor, part in zip(tensors.values(), parts, strict=True):
        tensor.copy_(part.reshape(tensor.shape))


def build_pretext(config: PretrainConfig, model: WaveformEncoder) -> Pretext:
    """Return the task with its heads for a model; the seed decides their weights."""
    with seeded(config.training.seed):
        return build_task(config.task, config.pretext, model.encoder, config.frontend)


def freeze_others(model: WaveformEncoder, pretext: Pretext, exchanged: ExchangedTensors) -> None:
    """Exclude the parameters that are not exchanged from training."""
    heads = pretext.named_parameters(prefix="pretext")
    for name, parameter in (*model.named_parameters(), *heads):
        if name not in exchanged.weights:
            parameter.requires_grad_(False)


def has_batch_norm(*modules: nn.Module) -> bool:
    """Return whether any of the modules contains batch normalization."""
    return any(isinstance(m, BATCH_NORMS) for module in modules for m in module.modules())


def freeze_statistics(*modules: nn.Module) -> None:
    """Make batch normalization use its running statistics without updating them."""
    for module in modules:
        for layer in module.modules():
            if isinstance(layer, BATCH_NORMS):
                layer.eval()
