"""Each check of the encoder contract catches an encoder that breaks it, and says how to mend it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from tiny_audio_ssl.models.bodies import Body, channels, convolution
from tiny_audio_ssl.testing import check_encoder
from tiny_audio_ssl.testing.encoder_checks import ENCODER_CHECKS, EncoderCase


def plain(config, norm=None, width=None, stages=5):
    """Somebody's own encoder, which is in no registry: five strided convolutions."""
    blocks, i = [], 1
    for size in (8, 16, 32, 64, 64)[:stages]:
        (o,) = channels(config, size) if width is None else (width,)
        blocks.append(convolution(norm or config.norm, i, o, (3, 3), stride=2))
        i = o
    return Body(nn.Sequential(*blocks), i)


class LessTheBatchMean(nn.Module):
    def forward(self, x):
        return x - x.mean(dim=0)


def pads_nothing(config):
    body = plain(config)
    body.blocks[0][0].padding = (1, 0)
    return body


def halves_four_times(config):
    return plain(config, stages=4)


def looks_across_the_batch(config):
    body = plain(config)
    return replace(body, blocks=nn.Sequential(*body.blocks, LessTheBatchMean()))


def always_has_batch_norm(config):
    return plain(config, norm="batch")


def has_idle_weights(config):
    body = plain(config)
    body.blocks.idle = nn.Identity()
    body.blocks.idle.weight = nn.Parameter(torch.ones(3))
    return body


def halves_late(config):
    body = plain(config)
    body.blocks[1][0].stride, body.blocks[2][0].stride = (1, 1), (4, 4)
    return body


def ignores_the_width(config):
    return plain(config, width=16)


BROKEN = {
    "takes_any_length": (pads_nothing, "Pad convolutions"),
    "halves_as_often_as_it_says": (halves_four_times, "5 halvings"),
    "batched_equals_single": (looks_across_the_batch, "rest of the batch"),
    "long_inputs_are_sliced": (looks_across_the_batch, "examples of a batch apart"),
    "group_norm_keeps_examples_apart": (always_has_batch_norm, "norm_layer"),
    "gradient_reaches_every_parameter": (has_idle_weights, "no gradient for body.idle.weight"),
    "readout_has_all_parts": (halves_late, "must have halved"),
    "width_scales_the_layers": (ignores_the_width, "channels"),
}


def test_encoder_that_is_in_no_registry_passes():
    check_encoder(plain)


@pytest.mark.parametrize("check", ENCODER_CHECKS, ids=lambda check: check.__name__)
def test_check_catches_a_broken_encoder(check):
    body, message = BROKEN[check.__name__]
    with pytest.raises(AssertionError, match=message):
        check(EncoderCase(body))


def test_check_encoder_makes_every_check():
    with pytest.raises(AssertionError, match="norm_layer"):
        check_encoder(always_has_batch_norm)
