"""Rebuild the model that artifacts were exported from, from their manifest.

Its weights are random: times do not depend on them, and the checkpoint need not be there.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import forms, products
from tiny_audio_ssl.export.streaming.sliding_encoder import stream_network
from tiny_audio_ssl.export.streaming.stream_encoder import StreamShape
from tiny_audio_ssl.models.checkpoint import untrained
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import multiply_adds
from tiny_audio_ssl.models.frontend_config import FrontendConfig


def build_network(content: Mapping[str, Any], entry: Mapping[str, Any]) -> nn.Module:
    """Build the network of one artifact of a manifest, in eval mode.

    Args:
        content: the manifest.
        entry: the artifact's entry in it.
    """
    names = EncoderConfig.__dataclass_fields__.keys() & content["encoder"].keys()
    encoder = EncoderConfig.from_dict({name: content["encoder"][name] for name in names})
    model = untrained(FrontendConfig(**content["frontend"]), encoder, seed=0).eval().constant()
    if "product" in entry:
        product = products.rebuilt(entry, model)
        if product.stream is not None and "stream" in entry:
            return product.stream.module
        return products.product_network(product, model.frontend, entry["input"]["kind"])
    if stream := entry.get("stream"):
        return stream_network(model, StreamShape.read(stream)).eval()
    return forms.network(model, entry["input"]["kind"])


def compile_network(module: nn.Module) -> nn.Module:
    """Wrap a module in `torch.compile`, which compiles at the first run.

    Raises `UserError`: no C++ compiler.
    """
    if not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise UserError("torch.compile needs a C++ compiler: apt-get install g++")
    return cast(nn.Module, torch.compile(module))


def count_multiply_adds(module: nn.Module, shapes: Sequence[Sequence[int]]) -> int:
    """Count multiply-adds of convolutions and matrix products in one run.

    Args:
        shapes: of the inputs.
    """
    return multiply_adds(module, *(torch.zeros(*shape) for shape in shapes))
