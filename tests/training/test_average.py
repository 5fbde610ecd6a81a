"""The moving average of the weights: its recursion, and runs that are continued with one."""

from __future__ import annotations

import pytest
import torch
from support.runs import at_step

from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.average import WeightAverage
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig

SMALL = EncoderConfig("dense", width=0.25)


def test_average_follows_the_recursion():
    model = checkpoint.untrained(FrontendConfig(), SMALL, seed=0)
    average = WeightAverage(model, decay=0.75, step=0)
    expected: dict[str, torch.Tensor] = {}
    for step in range(3):
        with torch.no_grad():
            for weights in model.encoder.parameters():
                weights.add_(step + 1)
        average.update()
        for name, weights in model.encoder.named_parameters():
            before = expected.get(name, weights.detach())
            expected[name] = 0.75 * before + 0.25 * weights.detach()
    for name, weights in average.model.encoder.named_parameters():
        torch.testing.assert_close(weights, expected[name], rtol=1e-5, atol=1e-5)
    assert average.model.frontend is model.frontend


def test_without_decay_the_model_itself_is_kept():
    model = checkpoint.untrained(FrontendConfig(), SMALL, seed=0)
    average = WeightAverage(model, decay=0.0, step=0)
    average.update()
    assert average.model is model and not average.is_kept


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of six steps whose checkpoints hold an average."""
    folder = tmp_path_factory.mktemp("average") / "run"
    options = TrainingConfig(
        steps=6, batch_size=4, warmup_steps=1, checkpoint_every=3, average=0.5, keep_last=5
    )
    config = PretrainConfig("cola", encoder=SMALL, training=options)
    runs.pretrain("builtin:2", folder, config, progress=False)
    return folder


def test_checkpoint_holds_the_average_and_training_the_weights(whole):
    averaged = checkpoint.load(whole).model.encoder.state_dict()
    raw = checkpoint.within(checkpoint.load_training(checkpoint.locate(whole)), "encoder.")
    assert set(raw) == set(averaged)
    assert not torch.equal(raw["body.0.0.weight"], averaged["body.0.0.weight"])


def test_resumed_run_has_the_same_weights_and_average(whole, tmp_path):
    copied = at_step(whole, tmp_path / "parts", step=3)
    runs.resume(copied, progress=False)
    for load in (
        lambda folder: checkpoint.load(folder).model.state_dict(),
        lambda folder: checkpoint.load_training(checkpoint.locate(folder)),
    ):
        one, other = load(whole), load(copied)
        assert all(torch.equal(one[name], other[name]) for name in one)
