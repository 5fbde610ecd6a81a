"""One encoder with heads: repeatable training, advice on bad settings, averaged predictions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.finetuning import protocols
from tiny_audio_ssl.evaluation.finetuning.classifier import Classifier, fit, predict
from tiny_audio_ssl.evaluation.finetuning.config import FinetuneConfig
from tiny_audio_ssl.evaluation.finetuning.crops import LabeledPart
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.training.trainer import TrainingStoppedError

QUICK = FinetuneConfig(steps=2, batch_size=8, warmup_steps=0, max_folds=1)


def test_one_seed_one_result(model, sounds):
    part = LabeledPart(sounds.recordings, sounds.truth, len(sounds.classes))

    def weights(seed: int) -> torch.Tensor:
        (start,) = [checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))]
        start.load_state_dict(model.model.state_dict())
        trained = fit(start, [part], QUICK, seed)
        return torch.cat([p.flatten() for p in trained.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_useless_settings_stop_with_advice(model, sounds):
    for options, said in (
        ({"encoder_learning_rate": 1e30}, "smaller"),
        ({"batch_size": 1}, "--batch-size"),
        ({"window_ms": 10.0}, "window_ms"),
    ):
        kind = TrainingStoppedError if said == "smaller" else UserError
        with pytest.raises(kind, match=said):
            config = replace(QUICK, gradient_clip=1e30, steps=4, **options)
            protocols.evaluate(model, [sounds], "fine-tuning", config)
    for name in ("steps", "max_folds"):
        with pytest.raises(UserError, match=name):
            replace(QUICK, **{name: 0})


def test_prediction_averages_the_logits_of_windows(ramps):
    class ByPlace(Classifier):
        """Says 1 strongly for a window that begins at 1500, weakly 0 for any other."""

        def logits(self, head, waves):
            late = waves[:, 0] * 4096 > 1500
            return torch.stack([(~late).float(), 5 * late.float()], dim=1)

    narrow = checkpoint.build_model(FrontendConfig(), EncoderConfig(width=0.25))
    classifier = ByPlace(narrow, [2])
    config = FinetuneConfig(window_ms=62.5)  # 1000 samples
    assert predict(classifier, 0, ramps, config).tolist() == [0, 0, 1]
