"""Batch norm that trains with frozen statistics.

ExecuTorch can't train them, and a phone's few clips would make poor ones.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.errors import UserError


class FrozenNorm(nn.Sequential):
    """Convolution, batch norm and the following layers, with frozen statistics.

    The norm is a factor and an offset of the convolution; its weight and bias still train.
    """

    def forward(self, x: Tensor) -> Tensor:
        layers: Any = list(self)
        conv, norm, *rest = layers
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale[:, None, None, None]
        bias = norm.bias - norm.running_mean * scale
        x = F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
        for layer in rest:
            x = layer(x)
        return x


def frozen(module: nn.Module) -> nn.Module:
    """Return a copy in training mode whose batch norms keep their statistics.

    Raises `UserError` if they have none.
    """
    return _frozen(copy.deepcopy(module).train())


def _frozen(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        setattr(module, name, _frozen(child))
    match list(module.children()):
        case [nn.Conv2d(), nn.BatchNorm2d() as norm, *_] if isinstance(module, nn.Sequential):
            _check_statistics(norm)
            return FrozenNorm(*module)
    return module


def _check_statistics(norm: nn.BatchNorm2d) -> None:
    if norm.num_batches_tracked is None or not int(norm.num_batches_tracked):
        raise UserError(
            "this checkpoint was never trained, so its batch norm has no statistics that a phone "
            "could train with; pretrain it first, or pretrain with --encoder.norm group"
        )
