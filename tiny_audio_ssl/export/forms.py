"""FORMATS and Form: what an encoder can be exported as. One table drives names, checks and help."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

from torch import Tensor, nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import LogMelEncoder, WaveformEncoder

FormatName = Literal["executorch", "onnx"]
Precision = Literal["fp32", "fp16", "int8-weights", "int8"]  # largest file first
Input = Literal["waveform", "mel", "stream"]


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
    """One artifact: a format, a precision, and where on the way from sound its input is taken."""

    format: FormatName
    precision: Precision
    input: Input

    @property
    def file(self) -> str:
        """`encoder.waveform.int8.pte`"""
        return f"encoder.{self.input}.{self.precision}{FORMATS[self.format].suffix}"

    @property
    def input_name(self) -> str:
        return {"waveform": "waveform", "mel": "logmel", "stream": "packet"}[self.input]


def choose(
    formats: tuple[str, ...], precisions: tuple[str, ...], inputs: tuple[str, ...]
) -> list[Form]:
    """Every combination, checked against what there is; no precisions: all that each format has.

    Raises `UserError`.
    """
    for option, given, known in (
        ("--format", formats, get_args(FormatName)),
        ("--precision", precisions or ("fp32",), get_args(Precision)),
        ("--input", inputs, get_args(Input)),
    ):
        if not given or set(given) - set(known):
            raise UserError(
                f"{option} {' '.join(given) or '(nothing)'}: expected one or more of "
                f"{', '.join(known)}"
            )
    wanted: dict[Form, None] = {}
    for name in formats:
        had = FORMATS[name].precisions  # type: ignore[index]
        if missing := [p for p in precisions if p not in had]:
            # XNNPACK's convolutions take constant weights only, not ones dequantised at run time.
            raise UserError(
                f"--precision {missing[0]} is not to be had with --format {name}, only "
                f"{', '.join(had)}; export the formats one by one"
            )
        combinations: Any = product([name], precisions or had, inputs)
        wanted |= dict.fromkeys(Form(*combination) for combination in combinations)
    return list(wanted)


def network(model: WaveformEncoder, taken: Input) -> nn.Module:
    """The part of the model that an artifact with this input holds; for streams see
    `streaming.StreamEncoder`."""
    return model if taken == "waveform" else LogMelEncoder(model.encoder)


def as_input(model: WaveformEncoder, taken: Input, waveforms: Tensor) -> Tensor:
    """What that part is fed, from waveforms [B, N]: themselves, or log-mel [B, 1, bands, T]."""
    return model.frontend(waveforms).contiguous() if taken == "mel" else waveforms
