"""FORMATS and Form: every form an encoder can be exported in. One table for names and checks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, get_args

import torch
from torch import Tensor, nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import (
    EMBEDDING,
    ExportConfig,
    FormatName,
    Input,
    Precision,
)
from tiny_audio_ssl.models.encoders import LogMelEncoder, WaveformEncoder

ALL = "all"
USUAL = ("fp32", "int8")


@dataclass(frozen=True)
class Format:
    """A file format: its ending, the extra that brings its packages, and what must import."""

    suffix: str
    extra: str
    modules: tuple[str, ...]  # the first is the runtime
    packages: tuple[str, ...]  # whose versions are recorded
    precisions: tuple[Precision, ...]


FORMATS: dict[FormatName, Format] = {
    "executorch": Format(".pte", "executorch", ("executorch.runtime", "torchao"),
                         ("executorch", "torchao"), ("fp32", "fp16", "int8")),
    "onnx": Format(".onnx", "onnx", ("onnxruntime", "onnx", "onnxscript"),
                   ("onnxruntime", "onnx", "onnxscript"), get_args(Precision)),
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Form:
    """One artifact: its format, precision, input and output."""

    format: FormatName
    precision: Precision
    input: Input
    product: str = EMBEDDING
    sounds: int = 1  # that a product compares

    @property
    def file(self) -> str:
        """`encoder.waveform.int8.pte`, or `units.waveform.fp32.pte`"""
        name = "encoder" if self.product == EMBEDDING else self.product
        return f"{name}.{self.input}.{self.precision}{FORMATS[self.format].suffix}"

    @property
    def input_name(self) -> str:
        return {"waveform": "waveform", "mel": "logmel", "stream": "packet"}[self.input]


def choose(config: ExportConfig) -> list[Form]:
    """Return every combination that a config selects.

    Raises `UserError`: an unknown name, an empty selection, a precision that a format does not
    support.
    """
    usual = USUAL if config.of_embedding else ("fp32",)
    asked = config.precision or ((ALL,) if config.has_target else usual)
    for option, given, known in (
        ("--format", config.format, get_args(FormatName)),
        ("--precision", asked, (*get_args(Precision), ALL)),
        ("--input", config.input, get_args(Input)),
    ):
        if not given or set(given) - set(known):
            raise UserError(
                f"{option} {' '.join(given) or '(nothing)'}: expected one or more of "
                f"{', '.join(known)}"
            )
    wanted: dict[Form, None] = {}
    for name in config.format:
        available = FORMATS[name].precisions
        if missing := [p for p in asked if p not in (*available, ALL)]:
            # XNNPACK's convolutions take constant weights only, not ones dequantized at run time.
            raise UserError(
                f"--format {name} has no --precision {missing[0]}, only {', '.join(available)}; "
                "export the formats one by one"
            )
        combinations: Any = product([name], available if ALL in asked else asked, config.input)
        wanted |= dict.fromkeys(Form(*combination) for combination in combinations)
    return list(wanted)


def network(model: WaveformEncoder, taken: Input) -> nn.Module:
    """Return the part of the model that an artifact with this input holds; for streams see
    `streaming.StreamEncoder`."""
    return model if taken == "waveform" else LogMelEncoder(model.encoder)


def as_input(model: WaveformEncoder, taken: Input, waveforms: Tensor) -> Tensor:
    """Return the input of that part for waveforms [B, N]: themselves, or log-mel
    [B, 1, bands, T]."""
    return model.frontend(waveforms).contiguous() if taken == "mel" else waveforms


def grouped(inputs: Tensor, sounds: int) -> Tensor:
    """Return the inputs [B, ...] of a product that compares several sounds, [B, sounds, ...]: each
    sound with those before it, the first with the last. For one sound, the inputs are unchanged."""
    if sounds == 1:
        return inputs
    return torch.stack([inputs.roll(back, 0) for back in range(sounds)], dim=1)
