"""Distillation: what the teacher hears, what is asked of the student, what a checkpoint keeps."""

from __future__ import annotations

import dataclasses
import json
import math
import sys

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.distillation import Distillation
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig

FRONTEND = FrontendConfig()
SAMPLES = FRONTEND.samples(96)
SMALL = EncoderConfig(width=0.25, norm="group")
TEACHER = """
import torch

class Model(torch.nn.Module):
    sample_rate = 16000
    scene_embedding_size = 3

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 10.0, 100.0]))

def load_model(model_file_path=""):
    return Model()

def get_scene_embeddings(audio, model):
    half = audio.shape[1] // 2
    parts = [audio[:, :half].std(1), audio[:, half:].std(1), audio.mean(1)]
    return model.weight * torch.stack(parts, dim=1) + 5
"""


@pytest.fixture
def teacher(tmp_path, monkeypatch) -> str:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "small_teacher.py").write_text(TEACHER)
    yield "small_teacher"
    sys.modules.pop("small_teacher", None)


def make(**settings) -> tuple[Distillation, Encoder]:
    torch.manual_seed(0)
    encoder = Encoder(SMALL, FRONTEND.bands).eval()
    return Distillation(Distillation.Config(**settings), encoder, FRONTEND).eval(), encoder


def some_clips(count: int = 12, extra: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    loudness = torch.linspace(0.01, 0.2, count)[:, None]
    return loudness * torch.randn(count, SAMPLES + extra, generator=rng)


def test_loss_is_the_distance_of_unit_vectors(teacher, rng):
    """|s/|s| - t/|t||^2, t standardized, row after row."""
    task, encoder = make(teacher=teacher)
    clips = some_clips()
    task.fit(clips)
    inputs = task.inputs(LogMel(FRONTEND), clips, rng)
    heard = task.draw(clips, torch.Generator().manual_seed(0))["wav"]
    every = HearModel(teacher).embed(clips.numpy()).astype(np.float64)
    expected = []
    for b in range(len(clips)):
        t = HearModel(teacher).embed(heard[b : b + 1].numpy())[0]
        t = [(t[k] - every[:, k].mean()) / every[:, k].std() for k in range(3)]
        s = task.head(encoder(inputs["logmel"][b : b + 1]))[0].tolist()
        s_size, t_size = (math.sqrt(sum(x * x for x in v)) for v in (s, t))
        expected.append(sum((x / s_size - y / t_size) ** 2 for x, y in zip(s, t, strict=True)))
    assert task(encoder, **inputs)["loss"].item() == pytest.approx(np.mean(expected), rel=1e-3)


def test_teacher_and_encoder_are_given_the_same_clips(teacher, rng):
    task, _ = make(teacher=teacher)
    inputs = task.draw(some_clips(), rng)
    np.testing.assert_allclose(inputs["target"], HearModel(teacher).embed(inputs["wav"].numpy()))


def test_share_is_mixed_with_another_of_the_batch():
    clips = some_clips(200)
    heard = make(mix=0.3)[0].draw(clips, torch.Generator().manual_seed(3))["wav"]
    mixed = [b for b in range(200) if not torch.equal(heard[b], clips[b])]
    assert 40 <= len(mixed) <= 80
    for b in mixed[:10]:
        # heard = w a + (1 - w) b: beside the clip itself, one other of the batch explains it.
        fit = torch.linalg.lstsq(clips[:, :400].T, heard[b, :400, None]).solution[:, 0]
        used = (fit.abs() > 1e-3).nonzero()[:, 0].tolist()
        assert len(used) == 2 and b in used
        assert fit[used].sum() == pytest.approx(1, abs=1e-4) and (fit[used] > 0).all()


def test_nothing_is_mixed_with_mix_0(rng):
    clips = some_clips(extra=500)
    heard = make(mix=0.0)[0].draw(clips, rng)["wav"]
    for clip, cut in zip(clips, heard, strict=True):
        assert any(torch.equal(cut, part) for part in clip.unfold(0, SAMPLES, 1))


def test_fit_standardizes_the_targets():
    task, _ = make(mix=0.0)
    clips = some_clips(200)
    task.fit(clips)
    target = task.draw(clips, torch.Generator())["target"]
    torch.testing.assert_close(target.mean(0), torch.zeros(128), atol=1e-3, rtol=0)
    assert (target.std(0, correction=0) < 1 + 1e-3).all()


def test_constant_dimension_is_not_magnified(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "flat_teacher.py").write_text(TEACHER.replace("[1.0, 10.0", "[1.0, 1e-5"))
    task, _ = make(teacher="flat_teacher", mix=0.0)
    clips = some_clips(64)
    task.fit(clips)
    assert task.draw(clips, torch.Generator())["target"][:, 1].abs().max() < 0.1
    sys.modules.pop("flat_teacher")


def test_teacher_is_not_in_the_state(teacher):
    task, _ = make(teacher=teacher)
    assert set(task.state_dict()) == {"head.weight", "head.bias", "mean", "inverse_std"}
    assert {name for name, _ in task.named_parameters()} == {"head.weight", "head.bias"}


def test_resumed_run_loads_the_teacher_by_its_name(teacher, tmp_path):
    options = TrainingConfig(
        steps=6, batch_size=4, warmup_steps=1, checkpoint_every=3, accelerator="cpu"
    )

    def pretrain(folder: str, steps: int):
        config = PretrainConfig(
            "distillation",
            Distillation.Config(teacher=teacher, clip_ms=500),
            SMALL,
            training=dataclasses.replace(options, steps=steps),
        )
        return runs.pretrain("builtin:4", tmp_path / folder, config, progress=False)

    whole = pretrain("whole", 6)
    pretrain("parts", 6)
    parts = tmp_path / "parts"
    last = parts / "last"
    last.unlink()
    last.symlink_to("checkpoints/step-00000003")
    again = runs.resume(parts, progress=False)
    assert again.step == 6 and again.loss == whole.loss
    kept = json.loads((whole.folder / "config.json").read_text())
    assert kept["run"]["pretext"]["teacher"] == teacher
    weights = [checkpoint.load(f).model.state_dict() for f in (whole.folder, again.folder)]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_missing_teacher_is_explained():
    with pytest.raises(UserError, match="hear:gone: can't be imported"):
        make(teacher="gone")
