"""One CPU trains without Lightning Fabric and PyTorch's compiler, to the bits that they give."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import AdamW

from tiny_audio_ssl.training import fabric
from tiny_audio_ssl.training.config import TrainingConfig
from tiny_audio_ssl.training.fabric import LaunchedCpu, launch
from tiny_audio_ssl.training.optimizer import EagerAdamW, build

OPTIONS = TrainingConfig(accelerator="cpu", gradient_clip=0.01)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv1d(1, 8, 3), nn.BatchNorm1d(8), nn.ReLU(), nn.Conv1d(8, 8, 3), nn.Flatten()
    )


def trained(lightning, optimizer_class: type[AdamW], steps: int = 6) -> list[torch.Tensor]:
    """Weights after some steps, with the optimizer's state saved and loaded halfway."""
    module = network()
    groups = build(module, OPTIONS).param_groups
    module, adamw = lightning.setup(module, optimizer_class(groups, lr=1e-2))
    sound = torch.randn(4, 1, 50, generator=torch.Generator().manual_seed(1))
    for step in range(steps):
        lightning.backward(module(sound).square().mean())
        lightning.clip_gradients(
            module, adamw, max_norm=OPTIONS.gradient_clip, error_if_nonfinite=False
        )
        adamw.step()
        adamw.zero_grad(set_to_none=True)
        if step == steps // 2:
            adamw.load_state_dict(adamw.state_dict())
    return [parameter.detach() for parameter in module.parameters()]


def test_one_cpu_trains_to_the_bits_of_fabric(monkeypatch: pytest.MonkeyPatch):
    without = launch(OPTIONS)
    monkeypatch.setattr(fabric, "_is_one_cpu", lambda options: False)
    with_fabric = launch(OPTIONS)
    assert isinstance(without, LaunchedCpu) and type(with_fabric).__name__ == "Fabric"
    found, expected = trained(without, EagerAdamW), trained(with_fabric, AdamW)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert not torch.equal(found[0], next(network().parameters()))


def test_launch_answers_as_fabric_does(monkeypatch: pytest.MonkeyPatch):
    without = launch(OPTIONS)
    monkeypatch.setattr(fabric, "_is_one_cpu", lambda options: False)
    with_fabric = launch(OPTIONS)
    for name in ("device", "global_rank", "local_rank", "world_size", "is_global_zero"):
        assert getattr(without, name) == getattr(with_fabric, name), name
    numbers = {"loss": torch.tensor(2.0)}
    assert without.all_reduce(numbers) == with_fabric.all_reduce(numbers) == numbers


@pytest.mark.parametrize(
    "changes", [{"precision": "bf16"}, {"devices": 2}, {"num_nodes": 2}, {"accelerator": "cuda"}]
)
def test_what_one_cpu_in_float32_is_not_is_left_to_fabric(changes):
    assert fabric._is_one_cpu(OPTIONS)
    assert not fabric._is_one_cpu(TrainingConfig(**{"accelerator": "cpu", **changes}))


def test_graphics_card_that_is_there_is_chosen(monkeypatch: pytest.MonkeyPatch):
    for there in (True, False):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda there=there: there)
        assert fabric._is_one_cpu(TrainingConfig(accelerator="auto")) is not there
