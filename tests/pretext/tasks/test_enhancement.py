"""Enhancement, PseudoSE and its relatives, beside literal references."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.runs import make_run, make_task_run
from torch import Tensor

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.enhancement import (
    ContrastiveMixturesConfig,
    NoiseConfig,
    PseudoSeConfig,
    SpeechEnhancementConfig,
)
from tiny_audio_ssl.pretext.parts import sound_error
from tiny_audio_ssl.pretext.tasks.enhancement import SpeechEnhancement
from tiny_audio_ssl.pretext.tasks.pseudo_se import ContrastiveMixtures, PseudoSe
from tiny_audio_ssl.pretext.tasks.segmental_snr import SnrEstimator, segmental_snr_db

FRONTEND = FrontendConfig()
SHORT = {"slice_ms": 175.0, "slices": 2}


def built(kind: type[Pretext], config: object) -> SimpleNamespace:
    """A task with an encoder, and clips that are longer than it needs."""
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).eval()
    task = kind(config, encoder, FRONTEND).eval()
    rng = torch.Generator().manual_seed(1)
    clips = 0.1 * torch.randn(6, task.samples + 500, generator=rng)
    return SimpleNamespace(task=task, encoder=encoder, clips=clips, frontend=LogMel(FRONTEND))


def forward(made: SimpleNamespace, inputs: Inputs) -> dict[str, Tensor]:
    return made.task(made.encoder, **inputs)


def inputs_of(made: SimpleNamespace) -> Inputs:
    return made.task.inputs(made.frontend, made.clips, torch.Generator().manual_seed(2))


def estimate(made: SimpleNamespace, logmel: Tensor, mixture: Tensor) -> Tensor:
    """The sound behind the mask, with each slice masked on its own: [B, samples]."""
    size, task = FRONTEND.frames_of_ms(SHORT["slice_ms"]), made.task
    masks = []
    for begin in range(0, logmel.shape[3], size):
        slice_ = logmel[..., begin : begin + size]
        middle, last = made.encoder.maps(slice_)
        scores = task.masks.head(slice_, middle, last, made.encoder.pooled(last))
        masks.append(1 / (1 + torch.exp(-scores)))
    gains = task.masks.bins(torch.cat(masks, dim=3)[:, 0])
    return task.masks.inverse(task.masks.stft(mixture) * gains)


def test_mixture_is_the_clip_with_noise_at_the_drawn_level():
    made = built(SpeechEnhancement, SpeechEnhancementConfig(**SHORT))
    inputs = made.task.draw(made.clips, torch.Generator().manual_seed(0))
    assert torch.equal(inputs["wav"], inputs["mixture"])
    noise = inputs["mixture"] - inputs["target"]
    ratio = inputs["target"].square().sum(1) / noise.square().sum(1)
    snr_db = 10 * torch.log10(ratio)
    assert ((snr_db > -5.01) & (snr_db < 15.01)).all() and snr_db.std() > 1
    found_db = []
    for row, clip in zip(inputs["target"], made.clips, strict=True):
        excerpts = clip.unfold(0, len(row), 1)  # of its own clip, at another level
        gain = row.norm() / excerpts.norm(dim=1)
        differs = (gain[:, None] * excerpts - row).abs().amax(dim=1)
        assert differs.min() < 1e-5
        found_db.append(20 * float(gain[differs.argmin()].log10()))
    assert np.abs(found_db).max() < 12.01 and np.std(found_db) > 3


def test_loss_is_the_ratio_of_sound_masked_slice_by_slice():
    made = built(SpeechEnhancement, SpeechEnhancementConfig(**SHORT))
    inputs = inputs_of(made)
    found = estimate(made, inputs["logmel"], inputs["mixture"])
    out = forward(made, inputs)
    expected = -sound_error.si_sdr(found, inputs["target"], 30.0).mean()
    assert torch.allclose(out["loss"], expected, atol=1e-4)
    gain = sound_error.si_sdr(found, inputs["target"])
    gain = gain - sound_error.si_sdr(inputs["mixture"], inputs["target"])
    assert torch.allclose(out["improvement_db"], gain.mean(), atol=1e-3)
    assert out["improvement_db_of_ideal_mask"] > out["improvement_db"]


def test_loss_of_the_log_mel():
    made = built(SpeechEnhancement, SpeechEnhancementConfig(**SHORT, objective="log-mel"))
    inputs = inputs_of(made)
    scores, _ = made.task.masks.scores(made.encoder, inputs["logmel"])
    power, wanted = (
        made.frontend.bands(inputs[name]).transpose(0, 1) for name in ("mixture", "target")
    )
    error = torch.log(scores[:, 0].sigmoid() ** 2 * power + 1e-6) - torch.log(wanted + 1e-6)
    assert torch.allclose(forward(made, inputs)["loss"], error.square().mean(), rtol=1e-3)
    with pytest.raises(UserError, match="expected si-sdr or log-mel"):
        SpeechEnhancementConfig(objective="mse")


def test_silent_and_clipped_batches_train():
    made = built(SpeechEnhancement, SpeechEnhancementConfig(**SHORT))
    made.clips = torch.cat([torch.zeros(3, made.clips.shape[1]), 20 * made.clips[:3].clamp(-1, 1)])
    made.clips = made.clips.clamp(-1, 1)
    out = forward(made, inputs_of(made))
    out["loss"].backward()
    assert torch.isfinite(out["loss"])
    assert all(torch.isfinite(p.grad).all() for p in made.task.parameters())


def test_kinds_are_a_column_of_the_manifest():
    config = SpeechEnhancementConfig(**SHORT, kinds=True, level_db=0.0)
    assert config.class_lists() == {"kind": ("speech", "noise")}
    made = built(SpeechEnhancement, config)
    kind = torch.tensor([0, 0, 0, 1, 1, 1])
    clips = torch.sign(made.clips) * (1 + kind[:, None])  # noise is twice as loud
    inputs = made.task.draw(clips, torch.Generator().manual_seed(0), kind=kind)
    assert (inputs["target"].abs() == 1).all()
    with pytest.raises(UserError, match="expected the smaller one first"):
        SpeechEnhancementConfig(min_snr_db=5, max_snr_db=0)


def test_pseudo_se_wants_the_noisy_recording_back():
    made = built(PseudoSe, PseudoSeConfig(**SHORT))
    inputs = inputs_of(made)
    noise = inputs["mixture"] - inputs["target"]
    snr_db = 10 * torch.log10(inputs["target"].square().sum(1) / noise.square().sum(1))
    assert ((snr_db > -5.01) & (snr_db < 5.01)).all()
    found = estimate(made, inputs["logmel"], inputs["mixture"])
    expected = -sound_error.si_sdr(found, inputs["target"], 30.0).mean()
    assert torch.allclose(forward(made, inputs)["loss"], expected, atol=1e-4)


def test_pairs_share_the_recording_or_the_noise():
    made = built(ContrastiveMixtures, ContrastiveMixturesConfig(**SHORT))
    inputs = inputs_of(made)
    first, second = inputs["target"].chunk(2)
    noise, other = (inputs["mixture"] - inputs["target"]).chunk(2)
    assert inputs["is_positive"].any() and not inputs["is_positive"].all()
    for i, is_positive in enumerate(inputs["is_positive"].tolist()):
        cosine = torch.cosine_similarity(noise[i], other[i], dim=0)
        if is_positive:
            assert torch.equal(first[i], second[i]) and cosine < 0.99
        else:
            assert not torch.equal(first[i], second[i]) and cosine > 0.999


def test_loss_of_contrastive_mixtures():
    config = ContrastiveMixturesConfig(**SHORT, positive=0.3, negative=0.01)
    made = built(ContrastiveMixtures, config)
    inputs = inputs_of(made)
    found = estimate(made, inputs["logmel"], inputs["mixture"])

    def distance(one: Tensor, other: Tensor) -> float:
        return -float(sound_error.si_sdr(one, other, 30.0).detach())

    total, count, x = 0.0, len(made.clips), inputs["target"]
    for i in range(count):
        j = count + i
        total += distance(found[i], x[i]) + distance(found[j], x[j])
        if inputs["is_positive"][i]:
            total += 0.3 * distance(found[i], found[j])
        else:
            total += 0.01 * (distance(found[i], found[j]) - distance(x[i], x[j])) ** 2
    assert float(forward(made, inputs)["loss"]) == pytest.approx(total / count, rel=1e-3)


def test_segmental_ratio_is_the_definition(rng):
    sound, noise = torch.randn(2, 2, 1536, generator=rng)
    found = segmental_snr_db(sound, 0.1 * noise)
    assert found.shape == (2, 3) and segmental_snr_db(sound, 0 * noise).max() == 20
    for place in range(3):
        powers = []
        for wav in (sound[0], 0.1 * noise[0]):
            part = wav[256 * place : 256 * place + 1024].tolist()
            hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / 1024) for n in range(1024)]
            powers.append(sum((x * h) ** 2 for x, h in zip(part, hann, strict=True)))
        expected = min(20.0, 10 * math.log10(powers[0] / powers[1]))
        assert float(found[0, place]) == pytest.approx(expected, abs=1e-3)


@pytest.fixture(scope="module")
def snr_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `segmental-snr` with random weights."""
    folder = tmp_path_factory.mktemp("snr") / "run"
    config, encoder = NoiseConfig(**SHORT), EncoderConfig(width=0.25)
    return make_task_run(folder, "segmental-snr", config, encoder, recordings=4)


def test_purification_weights_segments_by_the_estimated_ratio(snr_run):
    made = built(PseudoSe, PseudoSeConfig(**SHORT, purify=str(snr_run)))
    assert made.task.public_config().purify == ""
    assert not any("estimator" in name for name in made.task.state_dict())
    inputs = inputs_of(made)
    target = inputs["target"]
    estimator = SnrEstimator(str(snr_run))
    model = estimator.model
    scores, _ = estimator.task.masks.scores(model.encoder, model.frontend(target))
    weights = 1 / (1 + torch.exp(-10 * scores[:, 0].mean(dim=1)))
    found = estimate(made, inputs["logmel"], inputs["mixture"])
    expected = sound_error.segmental_loss(found, target, weights).mean()
    assert torch.allclose(forward(made, inputs)["loss"], expected, atol=1e-3)


def test_negative_pairs_are_weighted_by_both(snr_run):
    made = built(ContrastiveMixtures, ContrastiveMixturesConfig(**SHORT, purify=str(snr_run)))
    inputs = inputs_of(made)
    inputs["is_positive"] = torch.zeros(len(made.clips), dtype=torch.bool)
    y1, y2 = estimate(made, inputs["logmel"], inputs["mixture"]).chunk(2)
    x1, x2 = inputs["target"].chunk(2)
    w1, w2 = (made.task.weights(x) for x in (x1, x2))
    loss = sound_error.segmental_loss
    apart = loss(y1, y2, w1 * w2) - loss(x1, x2, w1 * w2)
    expected = (loss(y1, x1, w1) + loss(y2, x2, w2) + 0.001 * apart.square()).mean()
    assert torch.allclose(forward(made, inputs)["loss"], expected, rtol=1e-3)


def test_purification_takes_runs_of_its_task_alone(tmp_path):
    run = make_run(tmp_path / "run", EncoderConfig(width=0.25), recordings=2)
    with pytest.raises(UserError, match="a run of temporal_gap; expected segmental-snr"):
        built(PseudoSe, PseudoSeConfig(purify=str(run)))
