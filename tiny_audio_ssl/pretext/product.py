"""Product: the output of a task beside the embedding, as a module that can be exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from tiny_audio_ssl.pretext.configs.base import PretextConfig


@dataclass(frozen=True)
class Output:
    """One output of a product."""

    name: str
    meaning: str  # with its axes and units, for the manifest


@dataclass(frozen=True)
class ProductStream:
    """One step of a product's stream: it takes the next packet of sound and returns its output."""

    module: nn.Module  # packet [B, samples], then the state -> the outputs, then the next state
    packet_samples: int
    state: Mapping[str, tuple[int, ...]]  # shapes for one stream, by name; zeros at the start
    delay_samples: int  # by which the outputs are later than the packet


@dataclass(frozen=True)
class Product:
    """A module that maps sound to something other than an embedding, such as unit ids.

    A product belongs to a trained task, as an embedding to an encoder; `export RUN --product NAME`
    makes artifacts of it.
    """

    name: str  # on the command line, and the beginning of the files' names
    module: nn.Module  # takes one tensor [B, ...], gives a tensor [B, ...] or a tuple of them
    takes: Literal["waveform", "mel"]  # [B, samples], or normalized log-mel [B, 1, bands, frames]
    outputs: tuple[Output, ...]  # floats, or whole numbers for ids
    config: PretextConfig = field(repr=False)  # to build it again from, without folder names
    sounds: int = 1  # that it compares; with more, waveforms are [B, sounds, samples]
    stream: ProductStream | None = None  # for sound that arrives in packets
