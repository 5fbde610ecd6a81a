"""Graphs with operators rewritten for XNNPACK give what the eager model gives."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from tiny_audio_ssl.export.lowering import folded, program
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig, Pooling
from tiny_audio_ssl.models.frontend_config import FrontendConfig


@pytest.mark.parametrize("pooling", get_args(Pooling))
@pytest.mark.parametrize("samples", [400, 5520, 15_600, 32_000])
def test_rewritten_graph_equals_eager(encoder_name, pooling, samples):
    config = EncoderConfig(encoder_name, width=0.25, pooling=pooling)
    model = checkpoint.build_model(FrontendConfig(), config)
    wave = torch.randn(1, samples) * 0.1
    graph = program(folded(model), wave).module()
    torch.testing.assert_close(graph(wave), model.eval()(wave), atol=1e-4, rtol=1e-4)
