"""Every task in PRETEXTS meets the contract of `pretext/base.py`, on both encoders."""

from __future__ import annotations

import pytest
from contract.task_settings import GOALS, NEGATIVE, PREDICTIVE, SETTINGS, case_of

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import PRETEXTS, config_class, pretext_class
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.testing.pretext_checks import (
    PRETEXT_CHECKS,
    Check,
    gradient_reaches_everything,
    learns_one_batch,
)

NOT_COMBINABLE = {
    *("combined", "distillation", "spice"),
    *("speech2vec-cbow", "speech2vec-skipgram", "wav2vec-u"),
}
DEPEND_ON_THE_ENCODER = (gradient_reaches_everything, learns_one_batch)


@pytest.mark.parametrize("check", PRETEXT_CHECKS, ids=lambda check: check.__name__)
def test_task_meets_the_contract(task_name: str, check: Check):
    check(case_of(task_name))


@pytest.mark.parametrize("check", DEPEND_ON_THE_ENCODER, ids=lambda check: check.__name__)
def test_task_meets_the_contract_on_the_papers_encoder(task_name: str, check: Check):
    check(case_of(task_name, EncoderConfig("separable", width=0.25)))


def test_registry_and_class_agree(task_name: str):
    entry, kind = TASKS[task_name], PRETEXTS[task_name]
    assert ("arXiv" in kind.paper or "doi.org" in kind.paper) and entry.summary
    assert kind.Config is config_class(task_name)
    assert entry.combinable == (task_name not in NOT_COMBINABLE)


def test_tables_name_tasks_of_the_registry():
    assert {*SETTINGS, *GOALS, *NEGATIVE, *PREDICTIVE} <= set(TASKS)


def test_leak_check_covers_the_tasks_that_predict(task_name: str):
    assert (PRETEXTS[task_name].hides != "nothing") == (task_name in PREDICTIVE)


def test_unknown_name_lists_the_known_ones():
    for look_up in (pretext_class, config_class):
        with pytest.raises(UserError, match="temporal-gap, audio2vec-cbow"):
            look_up("rotnet")
    with pytest.raises(KeyError):
        PRETEXTS["rotnet"]
