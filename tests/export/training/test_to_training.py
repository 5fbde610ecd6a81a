"""Training in ExecuTorch gives the gradients of eager, operator by operator and step by step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.bodies import Residual, depthwise_separable
from tiny_audio_ssl.models.pooling import AttentivePooling

pytest.importorskip("executorch")

from tiny_audio_ssl.export.training import joint_graph, to_training
from tiny_audio_ssl.export.training.frozen_norm import frozen
from tiny_audio_ssl.export.training.pytorch_private import load_training_module
from tiny_audio_ssl.export.training.to_training import VERIFIED

BATCH = 3


class Loss(nn.Module):
    """A loss that every value of the network's output moves differently, and the output."""

    def __init__(self, network: nn.Module, loss: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.network = network
        self.loss = loss or (lambda y: (y * y + y).mean())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.network(x)
        return self.loss(y), y.detach()


class Apply(nn.Module):
    """A layer with weights, so that there is a gradient, and then a function."""

    def __init__(self, function: Callable[[Tensor], Tensor], channels: int = 4) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, channels, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer(x))


def flat(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers, nn.Flatten())


def learned_norm() -> nn.Module:
    block = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    block(torch.randn(64, 1, 9, 6) + 1)
    with torch.no_grad():
        block[1].weight.uniform_(0.5, 1.5)
        block[1].bias.uniform_(-1, 1)
    return nn.Sequential(block, nn.Flatten())


SMALL: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(54, 5), nn.ReLU(), nn.Linear(5, 2)),
    "convolution": lambda: flat(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, (1, 3), bias=False)),
    "strided": lambda: flat(nn.Conv2d(1, 4, 5, 2, 2), nn.ReLU(), nn.Conv2d(4, 3, 3, 2, 1)),
    "depthwise": lambda: flat(
        nn.Conv2d(1, 8, 1), depthwise_separable("group", 8, 8, 5, 2),
        Residual(depthwise_separable("group", 8, 8, 3, 1)),
    ),
    "frozen batch norm": learned_norm,
    "max pooling": lambda: flat(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)),
    "upsampling": lambda: Apply(lambda y: F.interpolate(y, size=(17, 12)).flatten(1)),
    "amax of equals": lambda: Apply(lambda y: F.relu(y).amax((2, 3))),
    "rows as channels": lambda: flat(
        nn.Conv2d(1, 4, 3), nn.Unflatten(1, (1, 4)), nn.Flatten(2, 3), nn.Conv2d(1, 2, 3)
    ),
    "attention": lambda: nn.Sequential(nn.Conv2d(1, 4, 1), AttentivePooling(36)),
    "repeated": lambda: flat(
        nn.Conv2d(1, 8, 1), Residual(nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU()), times=3)
    ),
    "mean": lambda: Apply(lambda y: torch.cat([y.mean(3), y.amax(3)], 1).flatten(1)),
}  # fmt: skip
TARGET = torch.randn(BATCH, 2, generator=torch.Generator().manual_seed(1))
CHOSEN = torch.tensor([[1, 0, 1], [0, 0, 0], [1, 1, 0]])
LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "squares": lambda y: F.mse_loss(y, TARGET),
    "binary": lambda y: F.binary_cross_entropy_with_logits(y[:, :1], TARGET[:, :1].sigmoid()),
    "classes": lambda y: F.cross_entropy(y @ y.T, torch.arange(len(y))),
    "similarity": lambda y: (F.normalize(y, dim=1) @ torch.tanh(F.layer_norm(y, (2,))).T).mean(),
    "chosen": lambda y: F.mse_loss(y.gather(1, CHOSEN), CHOSEN.float()),
    "parts": lambda y: F.mse_loss(y.split([1, 2])[1], y.split([1, 2])[0].abs()),
}


def in_executorch(
    step: nn.Module, inputs: list[Tensor], folder: Path
) -> tuple[Tensor, dict[str, Tensor], dict[str, int]]:
    operators = to_training.to_training(step, inputs, folder / "step.pte")
    module = load_training_module(folder / "step.pte")
    loss, _ = module.forward_backward("forward", inputs)
    return loss, module.named_gradients(), operators


def same_gradients(step: nn.Module, inputs: list[Tensor], folder: Path) -> dict[str, int]:
    """Compares with the step itself in eval mode; gives the operators compared."""
    loss, gradients, operators = in_executorch(step, inputs, folder)
    step.eval().zero_grad()
    expected, _ = step(*inputs)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
    largest = max(float(p.grad.abs().max()) for p in step.parameters())  # some are zero
    for name, parameter in step.named_parameters():
        torch.testing.assert_close(
            gradients[name], parameter.grad, rtol=1e-4, atol=1e-5 * largest, msg=name
        )
    assert len(gradients) == len(list(step.parameters()))
    return operators


compared: dict[str, set[str]] = {}


@pytest.mark.parametrize("name", SMALL)
def test_gradients_by_operator(name, tmp_path):
    torch.manual_seed(0)
    x = torch.randn(BATCH, 1, 9, 6)
    compared[name] = set(same_gradients(Loss(SMALL[name]()), [x], tmp_path))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_by_loss(name, tmp_path):
    torch.manual_seed(0)
    step = Loss(nn.Linear(6, 2), LOSSES[name])
    compared[name] = set(same_gradients(step, [torch.randn(BATCH, 6)], tmp_path))


def test_every_allowed_operator_was_compared():
    """Runs after the two above; when only some of them were asked for, there is nothing to say."""
    if compared.keys() == {*SMALL, *LOSSES}:
        assert set().union(*compared.values()) >= VERIFIED


class Unpool(nn.Module):
    """Max pooling in a form that is not written as products: windows that overlap."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 1)


class LoudOnly(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[x > 0] if (x > 0).any() else x


@pytest.mark.parametrize(
    ("network", "operator"),
    [
        (flat(nn.Conv2d(1, 2, 1), Unpool()), "max_pool2d_with_indices_backward"),
        (flat(nn.Conv2d(1, 2, 1), nn.AvgPool2d(2)), "avg_pool2d_backward"),
        (flat(nn.Conv2d(1, 2, 3, dilation=2)), "convolution_backward"),
        (flat(nn.Conv2d(1, 2, 1), nn.InstanceNorm2d(2)), "batch_norm"),
        (flat(nn.Flatten(), nn.Linear(48, 8), nn.GroupNorm(1, 8)), "native_group_norm"),
        (flat(nn.Conv2d(1, 2, 1), LoudOnly()), "depend on the values of its inputs"),
    ],
)
def test_operators_that_are_not_known_to_be_right_are_refused(network, operator, tmp_path):
    with pytest.raises(UserError, match=operator):
        to_training.to_training(Loss(network), [torch.randn(2, 1, 8, 6)], tmp_path / "x.pte")
    assert not (tmp_path / "x.pte").exists()


def test_max_pooling_of_executorch_is_never_used(tmp_path, monkeypatch):
    pools = [op for op in joint_graph.PRODUCTS if "max_pool2d" in str(op)]
    assert len(pools) == 2
    for op in pools:
        monkeypatch.delitem(joint_graph.PRODUCTS, op)
    with pytest.raises(UserError, match="max_pool2d_with_indices_backward"):
        step = Loss(SMALL["max pooling"]())
        to_training.to_training(step, [torch.randn(2, 1, 8, 6)], tmp_path / "x.pte")


def test_frozen_norm_equals_eval():
    torch.manual_seed(0)
    network = learned_norm()
    x = torch.randn(2, 1, 9, 6)
    copy = frozen(network)
    torch.testing.assert_close(copy(x), network.eval()(x), rtol=1e-5, atol=1e-6)
    assert [n for n, _ in copy.named_parameters()] == [n for n, _ in network.named_parameters()]
