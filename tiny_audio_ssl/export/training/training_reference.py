"""Outputs of a training artifact for the reference clips: the loss, and the gradients' norms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiny_audio_ssl.export.reference import SEEDS, Floats, Outputs, pcm
from tiny_audio_ssl.export.training.pytorch_private import METHOD, load_training_module
from tiny_audio_ssl.utils.quiet import executorch_hushed


def run_on_references(path: Path, about: Mapping[str, Any]) -> Outputs:
    """Run the artifact at `path` on inputs made of the clips; `about` is its manifest entry.

    Returns the loss [clips, 1] and the gradients' norms [clips, parameters]. Raises `UserError` if
    its runtime does not load it.
    """
    module, losses, norms = load_training_module(path), [], []
    for seed in SEEDS:
        inputs = [_filled(spec, seed) for spec in about["inputs"]]
        with executorch_hushed():  # the first step reports every CPU file that it looks for
            loss, _ = module.forward_backward(METHOD, inputs)
        found = module.named_gradients()
        losses.append([float(loss)])
        norms.append([float(found[spec["name"]].norm()) for spec in about["parameters"]])
    return {"loss": _floats(losses), "gradient norms": _floats(norms)}


def _floats(rows: list[list[float]]) -> Floats:
    return np.array(rows, np.float32)


def _filled(spec: Mapping[str, Any], seed: int) -> torch.Tensor:
    """Return a reference input of the manifest's shape and type: zeros for integers."""
    if not spec["dtype"].startswith("float"):
        return torch.zeros(spec["shape"], dtype=getattr(torch, spec["dtype"]))
    values = pcm(seed, int(np.prod(spec["shape"]))).astype(np.float32) / np.float32(8_192)
    return torch.from_numpy(values.reshape(spec["shape"]))
