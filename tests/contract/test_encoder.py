"""Every encoder in ENCODERS meets the contract."""

from __future__ import annotations

import pytest

from tiny_audio_ssl.models.bodies import ENCODERS
from tiny_audio_ssl.models.encoder_config import ENCODER_NAMES
from tiny_audio_ssl.testing.encoder_checks import ENCODER_CHECKS, Check, EncoderCase


@pytest.mark.parametrize("check", ENCODER_CHECKS, ids=lambda check: check.__name__)
def test_encoder_meets_the_contract(encoder_name: str, check: Check):
    check(EncoderCase(ENCODERS[encoder_name]))


def test_config_knows_the_names():
    assert tuple(ENCODERS) == ENCODER_NAMES
