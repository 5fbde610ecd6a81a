"""A front-end that is learned: trained, averaged and sent with the encoder; what can't train it."""

from __future__ import annotations

import pytest
import torch
from support.runs import chord
from torch import Tensor

from tiny_audio_ssl import UserError
from tiny_audio_ssl.federated.model_vectors import ExchangedTensors
from tiny_audio_ssl.models.checkpoint import untrained
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.building import build_task
from tiny_audio_ssl.pretext.configs.autoencoder import AutoencoderConfig
from tiny_audio_ssl.pretext.configs.distillation import DistillationConfig
from tiny_audio_ssl.pretext.tasks.autoencoder import Autoencoder
from tiny_audio_ssl.training.average import WeightAverage
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.training.fabric import CpuFabric
from tiny_audio_ssl.training.learner import Learner

SINC = EncoderConfig("sinc-mobile", width=0.25)
FRONTEND = FrontendConfig()


class Louder(Pretext):
    """A task on waveforms: which of two levels a clip has."""

    takes = "wav"

    def __init__(self, config, encoder, frontend):
        super().__init__(config, encoder, frontend)
        self.head = torch.nn.Linear(encoder.feature_dim, 1)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        loud = torch.randint(2, (len(clips), 1), generator=rng).float()
        return {"wav": clips * (0.1 + 0.9 * loud), "loud": loud}

    def forward(self, encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["logmel"])
        found = self.head(embedding)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(found, inputs["loud"])
        return {"loss": loss, "embedding": embedding}


@pytest.fixture
def learner() -> Learner:
    model = untrained(FRONTEND, SINC, seed=0)
    task = Louder(AutoencoderConfig(), model.encoder, FRONTEND)
    options = TrainingConfig(steps=4, batch_size=4, warmup_steps=1)
    config = PretrainConfig("autoencoder", AutoencoderConfig(), SINC, FRONTEND, options)
    return Learner(config, model, task, CpuFabric())


def clips() -> Tensor:
    return torch.stack([torch.from_numpy(chord(i, 0.335)).float() for i in range(4)])


def test_filters_are_trained_and_averaged(learner):
    average = WeightAverage(learner.model, decay=0.5, step=0)
    frontend, seen = learner.model.frontend, []
    for step in range(2):
        learner.step(clips(), step)
        average.update()
        seen.append(frontend.shift.detach().clone())
    assert (seen[0] != 0).all() and (seen[1] != seen[0]).all()
    torch.testing.assert_close(average.model.frontend.shift, (seen[0] + seen[1]) / 2)
    assert {"frontend.shift", "frontend.growth"} <= set(learner.names)


def test_filters_travel_with_the_weights(learner):
    exchanged = ExchangedTensors.of(learner.model, learner.pretext)
    assert {"frontend.shift", "frontend.growth"} <= set(exchanged.weights)
    assert {"frontend.mean", "frontend.inverse_std"} <= set(exchanged.fixed)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("autoencoder", AutoencoderConfig()),
        ("distillation", DistillationConfig(("a.teacher",), views=2)),
    ],
)
def test_tasks_that_are_given_log_mels_are_refused(name, config):
    encoder = untrained(FRONTEND, SINC, seed=0).encoder
    with pytest.raises(UserError, match=f"sinc-mobile .*{name} takes log-mels.*distillation"):
        build_task(name, config, encoder, FRONTEND)


def test_attention_needs_two_columns():
    config = EncoderConfig(width=0.25, pooling="attention")
    encoder = untrained(FRONTEND, config, seed=0).encoder
    with pytest.raises(UserError, match=r"33 frames \(--pretext.slice-ms\)"):
        build_task("autoencoder", AutoencoderConfig(slice_ms=335), encoder, FRONTEND)
    assert type(build_task("autoencoder", AutoencoderConfig(345), encoder, FRONTEND)) is Autoencoder
