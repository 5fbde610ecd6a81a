"""Every task in PRETEXTS meets the contract of `pretext/base.py`, on both encoders."""

from __future__ import annotations

import pytest
from torch.nn.functional import binary_cross_entropy

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import PRETEXTS, config_class, pretext_class
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.testing.pretext_checks import (
    PRETEXT_CHECKS,
    Check,
    PretextCase,
    gradient_reaches_everything,
    learns_one_batch,
)

DEPEND_ON_THE_ENCODER = (gradient_reaches_everything, learns_one_batch)


def lowest_loss(inputs: Inputs) -> float:
    """Cross-entropy with a soft target ends at the target's entropy, not at zero."""
    if "gap" not in inputs:
        return 0.0
    gap = inputs["gap"].clamp(1e-6, 1 - 1e-6)
    return binary_cross_entropy(gap, gap).item()


@pytest.mark.parametrize("check", PRETEXT_CHECKS, ids=lambda check: check.__name__)
def test_task_meets_the_contract(task_name: str, check: Check):
    check(PretextCase(PRETEXTS[task_name], lowest_loss=lowest_loss))


@pytest.mark.parametrize("check", DEPEND_ON_THE_ENCODER, ids=lambda check: check.__name__)
def test_task_meets_the_contract_on_the_papers_encoder(task_name: str, check: Check):
    encoder = EncoderConfig("separable", width=0.25)
    check(PretextCase(PRETEXTS[task_name], encoder, lowest_loss=lowest_loss))


def test_registry_and_class_agree(task_name: str):
    entry, kind = TASKS[task_name], PRETEXTS[task_name]
    assert "arXiv" in kind.paper and entry.summary
    assert kind.Config is config_class(task_name)
    assert entry.combinable == (kind.takes == "logmel" and task_name != "combined")


def test_unknown_name_lists_the_known_ones():
    for look_up in (pretext_class, config_class):
        with pytest.raises(UserError, match="temporal-gap, audio2vec-cbow"):
            look_up("rotnet")
    with pytest.raises(KeyError):
        PRETEXTS["rotnet"]
