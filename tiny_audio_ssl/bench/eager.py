"""The model that artifacts were exported from, made anew from what their manifest says.

Its weights are not those of the checkpoint, which need not be there: time does not depend on them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import forms
from tiny_audio_ssl.export.streaming.stream_encoder import StreamEncoder, StreamShape
from tiny_audio_ssl.models.checkpoint import build_model
from tiny_audio_ssl.models.encoders import EncoderConfig, multiply_adds
from tiny_audio_ssl.models.frontend import FrontendConfig


def network(content: Mapping[str, Any], entry: Mapping[str, Any]) -> nn.Module:
    """What one artifact of a manifest holds, in eval mode."""
    names = EncoderConfig.__dataclass_fields__.keys() & content["encoder"].keys()
    encoder = EncoderConfig.from_dict({name: content["encoder"][name] for name in names})
    model = build_model(FrontendConfig(**content["frontend"]), encoder).eval()
    if stream := entry.get("stream"):
        sizes = {name: stream[name] for name in StreamShape.__dataclass_fields__}
        return StreamEncoder(model, StreamShape(**sizes)).eval()
    return forms.network(model, entry["input"]["kind"])


def compiled(module: nn.Module) -> nn.Module:
    """By `torch.compile`, at its first run. Raises `UserError` without a C++ compiler."""
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise UserError("torch.compile needs a C++ compiler: apt-get install g++")
    return cast(nn.Module, torch.compile(module))


def count(module: nn.Module, shapes: Sequence[Sequence[int]]) -> int:
    """Multiply-adds of one run: convolutions and products, as `FlopCounterMode` has them."""
    return multiply_adds(module, *(torch.zeros(*shape) for shape in shapes))
