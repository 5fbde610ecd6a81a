"""AdamW with warm-up and cosine decay, and its state by parameter name, without pickle."""

from __future__ import annotations

import inspect
import math

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from tiny_audio_ssl.training.config import TrainingConfig


class EagerAdamW(AdamW):
    """AdamW without the guards that keep the compiler out of its methods.

    Only encoder and task are ever compiled. The guards import the compiler, which takes as long as
    PyTorch itself.
    """

    add_param_group = inspect.unwrap(AdamW.add_param_group)
    load_state_dict = inspect.unwrap(AdamW.load_state_dict)
    state_dict = inspect.unwrap(AdamW.state_dict)
    step = torch.no_grad()(inspect.unwrap(AdamW.step))  # type: ignore[assignment]
    zero_grad = inspect.unwrap(AdamW.zero_grad)


def build(module: nn.Module, options: TrainingConfig) -> EagerAdamW:
    """Build AdamW; matrices and kernels decay, biases and normalization do not."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return EagerAdamW([g for g in groups if g["params"]], lr=options.learning_rate)


def schedule(step: int, options: TrainingConfig) -> float:
    """Return the learning rate of step 0, 1, ...: a linear rise, then half a cosine to zero."""
    warmup = min(options.warmup_steps, options.steps // 2)
    if step < warmup:
        return options.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, options.steps - warmup)
    return options.learning_rate * (1 + math.cos(math.pi * done)) / 2


def parameter_names(module: nn.Module, optimizer: Optimizer) -> list[str]:
    """Return the names of the parameters in the order of the optimizer."""
    by_id = {id(p): name for name, p in module.named_parameters()}
    return [by_id[id(p)] for group in optimizer.param_groups for p in group["params"]]


def state(optimizer: Optimizer, names: list[str]) -> dict[str, Tensor]:
    """Return {"<parameter>/<quantity>": tensor}; empty before the first step."""
    return {
        f"{names[index]}/{quantity}": torch.as_tensor(value)
        for index, entry in optimizer.state_dict()["state"].items()
        for quantity, value in entry.items()
    }


def load_state(optimizer: Optimizer, names: list[str], tensors: dict[str, Tensor]) -> None:
    """Load the output of `state`."""
    index = {name: i for i, name in enumerate(names)}
    entries: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name, quantity = key.rsplit("/", 1)
        entries.setdefault(index[name], {})[quantity] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": entries, "param_groups": groups})
