"""Equalized encoders give the same embeddings, and keep more of them in int8."""

from typing import get_args

import pytest
import torch

from tiny_audio_ssl.export.equalize import equalized
from tiny_audio_ssl.export.lowering import folded
from tiny_audio_ssl.models.bodies import is_conv
from tiny_audio_ssl.models.checkpoint import untrained
from tiny_audio_ssl.models.encoder_config import ENCODER_NAMES, EncoderConfig, Pooling
from tiny_audio_ssl.models.frontend_config import FrontendConfig


@pytest.mark.parametrize("name", ENCODER_NAMES)
@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_the_embedding_stays(name: str, pooling: str) -> None:
    config = EncoderConfig(name, width=0.5, pooling=pooling, readout=("last", "middle", "mel"))
    model = folded(untrained(FrontendConfig(), config, seed=0))
    waves = 0.1 * torch.randn(4, 15_600, generator=torch.Generator().manual_seed(0))
    changed = equalized(model, waves, first=model.encoder.float_blocks)
    assert changed is not model
    with torch.no_grad():
        torch.testing.assert_close(changed(waves), model(waves), rtol=1e-3, atol=1e-4)


def test_channels_get_closer_and_none_exceeds_the_range() -> None:
    model = folded(untrained(FrontendConfig(), EncoderConfig(width=0.5), seed=0))
    waves = 0.1 * torch.randn(4, 15_600, generator=torch.Generator().manual_seed(0))
    ranges = []
    for one in (model, equalized(model, waves, first=1)):
        seen = []
        reader = next(m for m in one.encoder.body[2].modules() if is_conv(m))
        reader.register_forward_pre_hook(lambda m, given, seen=seen: seen.append(given[0]))
        with torch.no_grad():
            one(waves)
        ranges.append(seen[0].amax(dim=(0, 2, 3)))
    before, after = ranges
    assert after.max() == pytest.approx(float(before.max()), rel=1e-4)
    alive = before > 1e-3
    assert after[alive].min() / after.max() > before[alive].min() / before.max()


def test_group_normalization_is_left_alone() -> None:
    model = untrained(FrontendConfig(), EncoderConfig(width=0.5, norm="group"), seed=0).eval()
    assert equalized(model, torch.zeros(1, 15_600), first=1) is model
