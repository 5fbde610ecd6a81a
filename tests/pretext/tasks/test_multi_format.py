"""Multi-format contrast against a slow, literal transcription of arXiv 2103.06508."""

from __future__ import annotations

import math

import pytest
import torch
from support.tasks import FRONTEND, counting_waves, logmels, make_task, origins

from tiny_audio_ssl.models.checkpoint import untrained
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.building import build_task
from tiny_audio_ssl.pretext.configs.multi_format import MultiFormatConfig


def test_both_formats_are_slices_of_the_same_clip(rng):
    task, _ = make_task("multi-format", mix=0.0, gain_db=0.0)
    drawn = task.draw(counting_waves(8, 15_600), rng)
    heard, raw = origins(drawn["wav"]), origins(drawn["raw"])
    assert [clip for clip, _ in heard] == [clip for clip, _ in raw] == list(range(8))
    assert heard != raw and drawn["wav"].shape == (8, FRONTEND.samples(66))


def test_augmentations_are_drawn_for_each_format(rng):
    waves = 0.1 * torch.randn(64, 15_600, generator=rng)
    tones = torch.zeros(64, 15_600)
    tones[::2] = 0.1  # what is mixed into every other clip is silence, or a constant
    plain, _ = make_task("multi-format", mix=0.0)
    level_db = 20 * plain.draw(torch.full((64, 15_600), 0.1), rng)["wav"][:, 0].div(0.1).log10()
    assert -6 <= level_db.min() < -4 and 4 < level_db.max() <= 6
    mixed, _ = make_task("multi-format", gain_db=0.0, mix=0.5)
    drawn = mixed.draw(waves, torch.Generator().manual_seed(1))
    unmixed, _ = make_task("multi-format", gain_db=0.0, mix=0.0)
    clean = unmixed.draw(waves, torch.Generator().manual_seed(1))
    same = (drawn["wav"] == clean["wav"]).all(dim=1)
    assert 16 < same.sum() < 48
    noise = (drawn["wav"] - clean["wav"])[~same]
    snr_db = 20 * (clean["wav"][~same].norm(dim=1) / noise.norm(dim=1)).log10()
    assert snr_db.min() > 4.9 and snr_db.max() < 25.1


def test_loss_is_info_nce_in_both_directions(rng):
    task, encoder = make_task("multi-format")
    logmel = logmels(5, 66)
    raw = 0.1 * torch.randn(5, FRONTEND.samples(66), generator=rng)
    s = task.of_logmel(encoder(logmel)).double()
    w = task.of_waveform(task.waveform_network(raw)).double()
    s, w = (x / x.norm(dim=1, keepdim=True) for x in (s, w))
    total = 0.0
    for i in range(5):
        to_logmel = [math.exp((w[i] @ s[j]).item() / 0.1) for j in range(5)]
        to_waveform = [math.exp((s[i] @ w[j]).item() / 0.1) for j in range(5)]
        total -= math.log(to_logmel[i] / sum(to_logmel)) / 2
        total -= math.log(to_waveform[i] / sum(to_waveform)) / 2
    assert task(encoder, logmel=logmel, raw=raw)["loss"].item() == pytest.approx(total / 5, 1e-4)


def test_networks_share_no_weights():
    task, encoder = make_task("multi-format")
    own = {p.data_ptr() for p in task.waveform_network.parameters()}
    assert own and not own & {p.data_ptr() for p in encoder.parameters()}
    assert sum(p.numel() for p in task.waveform_network.parameters()) < 70_000


def test_encoder_that_hears_waveforms_is_compared_with_log_mels(rng):
    """The roles of the formats change; the log-mel has its own network, of fixed filters."""
    model = untrained(FRONTEND, EncoderConfig("sinc-mobile", width=0.25), seed=0)
    task = build_task("multi-format", MultiFormatConfig(), model.encoder, FRONTEND)
    inputs = task.inputs(model.frontend, 0.1 * torch.randn(4, 15_600, generator=rng), rng)
    logmel = model.frontend(inputs.pop("wav"))
    out = task(model.encoder, logmel=logmel, **inputs)
    out["loss"].backward()
    named = [*model.named_parameters(), *task.named_parameters()]
    assert not [name for name, p in named if p.grad is None or not p.grad.any()]
    assert not any("log_mel" in name or "waveform_network" in name for name in task.state_dict())
    task.eval()
    heard = task.logmel_network(inputs["raw"])
    louder = task.logmel_network(4 * inputs["raw"])
    torch.testing.assert_close(louder, heard, rtol=0.02, atol=0.02)
