"""Distillation: what the teacher hears, what is asked of the student, what a checkpoint keeps."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import sys

import numpy as np
import pytest
import torch
from support.audio_files import write
from support.runs import at_step, chord
from torch import nn

from tiny_audio_ssl import UserError
from tiny_audio_ssl.embedding.hear_model import HearModel
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LOG_OFFSET, LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.parts.noise import add_noise, noise_power
from tiny_audio_ssl.pretext.tasks.distillation import Distillation
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


@pytest.mark.parametrize("hidden", [0, 5])
def test_loss_is_the_distance_of_unit_vectors(hidden, teacher, rng):
    """|s/|s| - t/|t||^2, t standardized, row after row."""
    task, encoder = make(teacher=teacher, hidden=hidden)
    layers = [layer for layer in task.head.modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in layers] == ([5, 3] if hidden else [3])
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


def test_copy_of_the_task_has_the_same_teacher(teacher):
    task, _ = make(teacher=(teacher,))
    assert copy.deepcopy(task).teachers is task.teachers


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
    parts = at_step(tmp_path / "parts", tmp_path / "resumed", 3)
    again = runs.resume(parts, progress=False)
    assert again.step == 6 and again.loss == whole.loss
    kept = json.loads((whole.folder / "config.json").read_text())
    assert kept["run"]["pretext"]["teacher"] == [teacher]
    weights = [checkpoint.load(f).model.state_dict() for f in (whole.folder, again.folder)]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])


def test_missing_teacher_is_explained():
    with pytest.raises(UserError, match="hear:gone: can't be imported"):
        make(teacher="gone")


# --- several teachers, targets computed once ---------------------------------------------------

SECOND = (
    TEACHER.replace("scene_embedding_size = 3", "scene_embedding_size = 2")
    .replace(
        "return model.weight * torch.stack(parts, dim=1) + 5",
        "calls.append(len(audio)); return torch.stack(parts[:2], dim=1)",
    )
    .replace("import torch\n", "import torch\n\ncalls = []\n", 1)
)


@pytest.fixture
def teachers(teacher, tmp_path):
    (tmp_path / "second_teacher.py").write_text(SECOND)
    yield (teacher, "second_teacher")
    sys.modules.pop("second_teacher", None)


def test_losses_of_teachers_are_averaged_by_importance(teachers, rng):
    task, encoder = make(teacher=teachers, importance=(3, 1))
    clips = some_clips()
    task.fit(clips)
    inputs = task.inputs(LogMel(FRONTEND), clips, rng)
    found = task.head(encoder(inputs["logmel"]))
    cosine = torch.nn.functional.cosine_similarity
    parts = [slice(0, 3), slice(3, 5)]
    first, second = (
        (2 - 2 * cosine(found[:, part], inputs["target"][:, part])).mean() for part in parts
    )
    loss = task(encoder, **inputs)["loss"]
    assert loss.item() == pytest.approx((0.75 * first + 0.25 * second).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teacher": ()}, "give one or more"),
        ({"teacher": ("a", "b"), "weights": ("x",)}, "1 --pretext.weights were given for 2"),
        ({"teacher": ("a", "b"), "importance": (1.0,)}, "1 --pretext.importance were given"),
        ({"teacher": ("a",), "importance": (0.0,)}, "more than 0"),
        ({"teacher": ("a",), "speech_teacher": ("b",), "views": 1}, "not among the teachers"),
        ({"teacher": ("a",), "speech_teacher": ("a",)}, "--pretext.views 2"),
        ({"band_limited": 0.5}, "--pretext.views 2"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Distillation.Config(**settings)


@pytest.fixture
def labeled_sounds(tmp_path):
    """Two recordings of speech and four others, in a manifest with a column `kind`."""
    lines = ["path,kind"]
    for i in range(6):
        write(tmp_path / f"{i}.wav", chord(i, seconds=1.0))
        lines.append(f"{i}.wav,{'words' if i < 2 else 'sounds'}")
    manifest = tmp_path / "sounds.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


def pretrained(source, run, cache, teachers, seed=0, held_out=0.0, **settings):
    config = PretrainConfig(
        "distillation",
        Distillation.Config(teacher=teachers, clip_ms=500, views=2, **settings),
        SMALL,
        training=TrainingConfig(
            steps=4,
            batch_size=4,
            warmup_steps=1,
            checkpoint_every=2,
            held_out=held_out,
            held_out_seed=0,
            seed=seed,
            accelerator="cpu",
        ),
    )
    return runs.pretrain(source, run, config, cache_dir=cache, progress=False)


def test_targets_are_computed_once(teachers, labeled_sounds, tmp_path):
    settings = {"speech_teacher": teachers[1:], "mix": 0.0}
    first = pretrained(labeled_sounds, tmp_path / "one", tmp_path / "cache", teachers, **settings)
    asked = sys.modules["second_teacher"].calls
    assert sum(asked) == 2 * 2  # two views of two recordings of speech
    again = pretrained(labeled_sounds, tmp_path / "two", tmp_path / "cache", teachers, **settings)
    assert sum(asked) == 2 * 2
    assert again.loss == first.loss
    copied = at_step(tmp_path / "one", tmp_path / "three", 2)
    assert runs.resume(copied, cache_dir=tmp_path / "cache", progress=False).loss == first.loss
    elsewhere = at_step(tmp_path / "one", tmp_path / "four", 2)
    resumed = runs.resume(elsewhere, cache_dir=tmp_path / "new-cache", progress=False)
    assert resumed.loss == first.loss and sum(asked) == 2 * 2 * 2


def test_seeds_of_the_training_may_share_views(teachers, labeled_sounds, tmp_path):
    """Recordings that are held out have views, too."""
    cache, settings = tmp_path / "cache", {"views_seed": 7, "held_out": 0.4}
    first = pretrained(labeled_sounds, tmp_path / "one", cache, teachers[1:], **settings)
    asked = sys.modules["second_teacher"].calls
    assert sum(asked) == 2 * 6
    second = pretrained(labeled_sounds, tmp_path / "two", cache, teachers[1:], 1, **settings)
    assert sum(asked) == 2 * 6 and second.loss != first.loss
    pretrained(labeled_sounds, tmp_path / "three", cache, teachers[1:], 1)
    assert sum(asked) == 2 * 2 * 6


def test_targets_of_another_teacher_are_computed_anew(teachers, labeled_sounds, tmp_path):
    pretrained(labeled_sounds, tmp_path / "one", tmp_path / "cache", teachers[1:])
    sys.modules.pop("second_teacher")
    changed = SECOND.replace("parts[:2]", "parts[1:]")
    (tmp_path / "second_teacher.py").write_text(changed + "\n# longer, so that it is read again\n")
    pretrained(labeled_sounds, tmp_path / "two", tmp_path / "cache", teachers[1:])
    assert sum(sys.modules["second_teacher"].calls) == 2 * 6


def test_teacher_of_speech_needs_the_column(teachers, labeled_sounds, tmp_path):
    labeled_sounds.write_text(labeled_sounds.read_text().replace("kind", "sort"))
    with pytest.raises(UserError, match="no column 'kind'"):
        pretrained(
            labeled_sounds, tmp_path / "run", tmp_path / "c", teachers, speech_teacher=teachers[1:]
        )


def test_corpus_without_speech_is_explained(teachers, labeled_sounds, tmp_path):
    labeled_sounds.write_text(labeled_sounds.read_text().replace("words", "sounds"))
    with pytest.raises(UserError, match="no recording is speech"):
        pretrained(
            labeled_sounds, tmp_path / "run", tmp_path / "c", teachers, speech_teacher=teachers[1:]
        )


def test_rows_are_shifted_and_changed_in_level(rng):
    task, _ = make(views=1, roll_frames=3, level_db=6.0)
    logmel = torch.randn(5, 1, FRONTEND.bands, 96)  # far above the offset, where gain is a shift
    rows = {"logmel": logmel, "target0": torch.randn(5, 128), "is_speech": torch.zeros(5)}
    frontend = LogMel(FRONTEND)
    frontend.mean.fill_(2.0)
    frontend.inverse_std.fill_(0.5)
    found = task.draw_rows(frontend, rows, rng)["logmel"] / 0.5 + 2.0
    changes = [found - torch.roll(logmel, shift, 3) for shift in range(-3, 4)]
    change = min(changes, key=lambda one: one.std(dim=(1, 2, 3)).max())
    assert change.std(dim=(1, 2, 3)).max() < 1e-3  # one change for a clip, one shift for all
    decibels = change[:, 0, 0, 0] * 10 / math.log(10)
    assert decibels.abs().max() <= 6 and decibels.std() > 1


def test_noise_is_added_to_a_share_of_the_rows(rng):
    task, _ = make(views=1, roll_frames=0, noise=0.5, min_snr_db=20, max_snr_db=20)
    logmel = torch.randn(200, 1, FRONTEND.bands, 96)
    rows = {"logmel": logmel, "target0": torch.randn(200, 128), "is_speech": torch.zeros(200)}
    found = task.draw_rows(LogMel(FRONTEND), rows, rng)["logmel"]
    is_noisy = (found != logmel).flatten(1).any(dim=1)
    assert 70 < is_noisy.sum() < 130
    sound, both = logmel[is_noisy].exp(), found[is_noisy].exp()
    snr = sound.mean(dim=(1, 2, 3)) / (both - sound).mean(dim=(1, 2, 3))
    assert torch.allclose(10 * snr.log10(), torch.tensor(20.0), atol=0.01)


def test_mel_power_of_noise_adds_up_as_that_of_waveforms_does(rng):
    """The product of sound and noise, which `add_noise` leaves out, vanishes in the mean."""
    frontend, waves = LogMel(FRONTEND), torch.randn(64, 2, SAMPLES, generator=rng)
    sound, noise, both = (
        frontend(part).exp().mean() for part in (waves[:, 0], waves[:, 1], waves.sum(dim=1))
    )
    assert both / (sound + noise) == pytest.approx(1, rel=0.01)


def test_noise_of_a_silent_clip_is_silent(rng):
    quiet = torch.full((3, 1, FRONTEND.bands, 96), math.log(LOG_OFFSET))
    assert torch.allclose(add_noise(quiet, FRONTEND, (10, 10), rng), quiet, atol=1e-3)


def test_colors_of_noise_reach_from_white_to_brown():
    power = noise_power(FRONTEND, 96)[:, 0].mean(dim=2)  # [sounds, bands]
    slope = power[:, :8].mean(dim=1) / power[:, -8:].mean(dim=1)
    assert slope.min() < 0.5 and slope.max() > 100
