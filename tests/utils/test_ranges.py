"""Every numeric setting of every config refuses values that are not numbers or out of range."""

import math
from dataclasses import MISSING, fields, replace
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from tiny_audio_ssl.bench.native.options import RunnerOptions
from tiny_audio_ssl.bench.settings import PhoneSettings, TimingSettings
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.evaluation.search.search import SearchConfig
from tiny_audio_ssl.export.config import ExportConfig, TrainingExportConfig
from tiny_audio_ssl.export.precision_search import PrecisionTarget
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import config_class
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.training.config import TrainingConfig
from tiny_audio_ssl.utils.ranges import COUNT, SHARE_BELOW_1, Range, checked_number

CONFIGS = [
    TrainingConfig(),
    EncoderConfig(),
    FrontendConfig(),
    FinetuneConfig(),
    ExportConfig(),
    TrainingExportConfig(),
    FederatedConfig(),
    TimingSettings(),
    PhoneSettings(),
    RunnerOptions(),
    EmbeddingStore(),
    PrecisionTarget(),
    EvaluationTask("task", "labels.csv"),
    SearchConfig("sounds", ("temporal-gap", "audio2vec-cbow")),
    *(config_class(task)() for task in TASKS),
]
MAY_BE_NEGATIVE = {"min_snr_db", "max_snr_db", "target_snr_db", "max_probe_drop"}


def numeric_fields(config: Any) -> list[tuple[str, bool]]:
    """Return the numeric fields, with whether they are of whole numbers."""
    found = []
    for name, kind in get_type_hints(type(config)).items():
        kinds = () if get_origin(kind) is tuple else get_args(kind) or (kind,)
        if name in {f.name for f in fields(config)} and {int, float} & {
            k for k in kinds if isinstance(k, type)
        }:
            found.append((name, float not in kinds))
    return found


CASES = [
    pytest.param(config, name, whole, id=f"{type(config).__name__}-{name}")
    for config in CONFIGS
    for name, whole in numeric_fields(config)
]


def test_all_configs_are_looked_at() -> None:
    assert len(CASES) > 100


@pytest.mark.parametrize(("config", "name", "whole"), CASES)
def test_a_setting_refuses_what_is_no_number(config: Any, name: str, whole: bool) -> None:
    wrong: list[Any] = [math.nan, math.inf, -math.inf, np.float32("nan"), "7", [1], True, 10**400]
    wrong += [1.5, 2.0] if whole else []
    wrong += [] if name in MAY_BE_NEGATIVE else [-1, -(10**9)]
    for value in wrong:
        with pytest.raises(UserError, match=f"{name}|{name.replace('_', '-')}"):
            replace(config, **{name: value})


@pytest.mark.parametrize(("config", "name", "whole"), CASES)
def test_zero_is_taken_or_refused_in_words(config: Any, name: str, whole: bool) -> None:
    try:
        assert getattr(replace(config, **{name: 0}), name) == 0
    except UserError as error:
        assert "expected" in str(error) or name == "max_probe_drop"  # which needs tasks


def test_numbers_of_numpy_become_plain_ones() -> None:
    config = TrainingConfig(steps=np.int64(7), learning_rate=np.float64(0.5))  # type: ignore[arg-type]
    assert (type(config.steps), type(config.learning_rate)) == (int, float)
    assert all(f.default is not MISSING for f in fields(TrainingConfig))


@pytest.mark.parametrize(
    ("value", "allowed", "message"),
    [
        (math.nan, SHARE_BELOW_1, "share is nan; expected a finite number, at least 0 and less"),
        (0, COUNT, "share is 0; expected a whole number, at least 1 and at most 2147483647"),
        ("x", Range(), "share is 'x'; expected a finite number"),
        (10**400, COUNT, r"share is 1000000.*\.\.\.; expected a whole number"),
    ],
)
def test_the_error_says_what_was_expected(value: Any, allowed: Range, message: str) -> None:
    with pytest.raises(UserError, match=message):
        checked_number("share", value, allowed)
