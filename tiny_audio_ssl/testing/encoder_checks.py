"""`check_encoder`: the contract of every encoder, as checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.models.bodies import ENCODERS, BuildBody, halved
from tiny_audio_ssl.models.encoder_config import PARTS, EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder

BANDS = 64
SMALL = 0.25  # width, unless it is the subject of the check
Check = Callable[["EncoderCase"], None]


@dataclass(frozen=True)
class EncoderCase:
    """An encoder to check."""

    body: BuildBody

    def build(self, **settings: Any) -> Encoder:
        """Return an encoder in eval mode with these settings, always with the same weights."""
        torch.manual_seed(0)
        config = EncoderConfig(**{"width": SMALL, **settings})
        return Encoder(config, BANDS, self.body).eval()


def check_encoder(encoder: str | BuildBody) -> None:
    """Check an encoder against the contract that training and export rely on.

    Args:
        encoder: a name in `ENCODERS`, or a function that takes an `EncoderConfig` and gives a
            `Body`; it need not be in the registry.

    Raises:
        AssertionError: what the contract asks for, and what the encoder does instead.

    Examples:
        >>> from tiny_audio_ssl.testing import check_encoder
        >>> check_encoder("mobile")
    """
    case = EncoderCase(ENCODERS[encoder] if isinstance(encoder, str) else encoder)
    for check in ENCODER_CHECKS:
        check(case)


def takes_any_length(case: EncoderCase) -> None:
    """Check that inputs with any number of frames produce an embedding."""
    encoder = case.build()
    for frames in (1, 2, 31, 33, 96):
        try:
            embedding = encoder(_logmel(2, frames))
        except RuntimeError as error:
            raise AssertionError(
                f"an input of {frames} frames fails: {error}. Pad convolutions, and round up where "
                "you pool"
            ) from error
        shape, expected = list(embedding.shape), [2, encoder.feature_dim]
        assert shape == expected and embedding.isfinite().all(), (
            f"an input of {frames} frames gives an embedding of shape {shape}: expected finite "
            f"numbers of shape {expected}"
        )


def halves_as_often_as_it_says(case: EncoderCase) -> None:
    """Check the size of the last maps."""
    encoder = case.build()
    for frames in (20, 96):
        shape = list(encoder.body(_logmel(1, frames)).shape)
        times = encoder.halvings
        expected = [1, encoder.channels, halved(BANDS, times), halved(frames, times)]
        assert shape == expected, (
            f"the body turns {BANDS} bands and {frames} frames into maps of shape {shape}: "
            f"expected {expected}, the channels and {times} halvings that it names, rounded up"
        )


def batched_equals_single(case: EncoderCase) -> None:
    """Check that an embedding does not depend on the rest of the batch."""
    encoder = case.build()
    logmel = _logmel(3, 96)
    alone = torch.cat([encoder(row[None]) for row in logmel])
    assert torch.allclose(encoder(logmel), alone, rtol=1e-4, atol=1e-5), (
        "in eval mode, an embedding depends on the rest of the batch: one of a batch must equal "
        "one alone"
    )


def long_inputs_are_sliced(case: EncoderCase) -> None:
    """Check that slices of a long input do not see each other."""
    plain, sliced = case.build(), case.build(slice_frames=32)
    logmel = _logmel(2, 80)  # slices: 0..31, 32..63, and the last 32
    slices = [logmel[..., start : start + 32] for start in (0, 32, 48)]
    expected = torch.cat([plain.body(piece) for piece in slices], dim=3)
    assert torch.allclose(sliced.maps(logmel)[1], expected, rtol=1e-4, atol=1e-5), (
        "with slice_frames = 32 the maps of 80 frames are not those of their slices: the body must "
        "treat the examples of a batch apart"
    )


def group_norm_keeps_examples_apart(case: EncoderCase) -> None:
    """Check that `norm="group"` does not look across the batch, even in training."""
    encoder = case.build(norm="group").train()
    logmel = _logmel(3, 32)
    assert torch.allclose(encoder(logmel)[:1], encoder(logmel[:1]), rtol=1e-4, atol=1e-5), (
        'with norm="group" an embedding depends on the rest of the batch in training: make every '
        "normalization with norm_layer(config.norm, channels)"
    )


def gradient_reaches_every_parameter(case: EncoderCase) -> None:
    """Check that every parameter takes part in the embedding."""
    encoder = case.build().train()
    encoder(_logmel(4, 96)).pow(2).sum().backward()
    without = [
        name
        for name, parameter in encoder.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert not without, f"no gradient for {', '.join(without)}: the embedding does not use them"


def readout_has_all_parts(case: EncoderCase) -> None:
    """Check that the embedding can be made of the last layer, the early maps and the log-mel."""
    encoder = case.build(readout=PARTS)
    for frames in (1, 70):
        try:
            embedding = encoder.embed(_logmel(2, frames))
        except RuntimeError as error:
            raise AssertionError(f"embed fails on {frames} frames: {error}") from error
        shape, expected = list(embedding.shape), [2, encoder.embedding_dim]
        assert shape == expected and embedding.isfinite().all(), (
            f"readout {' '.join(PARTS)} of {frames} frames has shape {shape}: expected {expected}. "
            "The block `middle` must have halved `middle_halvings` times, and its last convolution "
            "give the maps' channels"
        )


def width_scales_the_layers(case: EncoderCase) -> None:
    """Check that the width changes the number of parameters."""
    small, large = (
        sum(parameter.numel() for parameter in case.build(width=width).parameters())
        for width in (0.5, 1.0)
    )
    assert small < 0.6 * large, (
        f"width 0.5 has {small} parameters and width 1 {large}: take every layer's channels from "
        "channels(config, ...)"
    )


def _logmel(examples: int, frames: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(examples, 1, BANDS, frames, generator=rng)


ENCODER_CHECKS: tuple[Check, ...] = (
    takes_any_length,
    halves_as_often_as_it_says,
    batched_equals_single,
    long_inputs_are_sliced,
    group_norm_keeps_examples_apart,
    gradient_reaches_every_parameter,
    readout_has_all_parts,
    width_scales_the_layers,
)
