"""BYOL-A against slow, literal transcriptions of its papers, and its moving average over a run."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.parts import augment
from tiny_audio_ssl.pretext.tasks.byol_a import ByolA, momentum
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.training.learner import Step
from tiny_audio_ssl.training.trainer import Trainer, TrainingInterruptedError

FRONTEND = FrontendConfig()


def make(norm="batch", **settings):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25, norm=norm), FRONTEND.bands)
    return ByolA(ByolA.Config(hidden=16, projection=8, **settings), encoder, FRONTEND), encoder


@pytest.fixture
def clips(rng):
    return torch.randn(6, 1, FRONTEND.bands, 96, generator=rng)


def test_loss_of_the_paper(clips, rng):
    """L = ||q' - z'||^2 of unit vectors, for both directions, added (equation 2 of BYOL)."""
    task, encoder = make()
    task.eval(), encoder.eval()
    for parameter in task.target.parameters():  # as if the online network had moved away
        parameter.mul_(1.1).add_(0.01)
    inputs = task.draw(clips, rng)

    def half(view, other):
        q = task.predictor(task.projector(encoder(view)))[0].detach().numpy()
        z = task.target[1](task.target[0](other))[0].detach().numpy()
        return np.sum((q / np.linalg.norm(q) - z / np.linalg.norm(z)) ** 2)

    losses = [
        half(first[None], second[None]) + half(second[None], first[None])
        for first, second in zip(inputs["first"], inputs["second"], strict=True)
    ]
    loss = task(encoder, **inputs)["loss"]
    np.testing.assert_allclose(loss.item(), np.mean(losses), rtol=1e-4)


def test_views_are_mixed_cropped_faded_and_normalized_together(clips):
    """The order of arXiv 2204.07402: the same steps by hand draw the same."""
    task, _ = make(mixup=0.4, smallest_crop=0.8, largest_crop=1.2, fade=0.5)
    inputs = task.draw(clips, torch.Generator().manual_seed(4))
    rng, views = torch.Generator().manual_seed(4), []
    torch.randint(0, 1, (6,), generator=rng)  # where to cut: no room here
    for _ in range(2):
        view = augment.mixup(clips, rng, 0.4)
        view = augment.random_resize_crop(view, rng, 0.8, 1.2, (1.0, 1.5))
        views.append(augment.random_linear_fader(view, rng, 0.5))
    both = torch.stack(views)
    both = (both - both.mean()) / both.std()
    torch.testing.assert_close(inputs["first"], both[0])
    torch.testing.assert_close(inputs["second"], both[1])


def test_target_gets_no_gradient_and_learns_only_as_an_average(clips, rng):
    task, encoder = make()
    before = [p.clone() for p in task.target.parameters()]
    optimizer = torch.optim.SGD([*encoder.parameters(), *task.parameters()], lr=0.1)
    task(encoder, **task.draw(clips, rng))["loss"].backward()
    optimizer.step()
    assert all(p.grad is None for p in task.target.parameters())
    assert all(torch.equal(p, b) for p, b in zip(task.target.parameters(), before, strict=True))
    task.after_step(encoder, 3, 10)
    tau = 1 - (1 - 0.99) * (math.cos(math.pi * 3 / 10) + 1) / 2
    online = [*encoder.parameters(), *task.projector.parameters()]
    for old, new, average in zip(before, online, task.target.parameters(), strict=True):
        torch.testing.assert_close(average, tau * old + (1 - tau) * new)


def test_momentum_rises_along_a_cosine():
    assert momentum(0.99, 0, 100) == pytest.approx(0.99)
    assert momentum(0.99, 50, 100) == pytest.approx(0.995)
    assert momentum(0.99, 100, 100) == 1


def test_target_normalizes_with_its_own_batch(clips, rng):
    """In training the target's batch norm neither reads nor moves the online statistics."""
    task, encoder = make()
    assert task.training
    ours = task.target[0].body[0][1]
    assert isinstance(ours, torch.nn.BatchNorm2d)
    inputs = task.draw(clips, rng)
    loss = task(encoder, **inputs)["loss"]
    assert ours.num_batches_tracked == 1
    ours.running_mean += 100  # has no say in training
    assert torch.equal(task(encoder, **inputs)["loss"], loss)


def test_with_group_norm_no_clip_sees_the_batch(clips, rng):
    task, encoder = make(norm="group")
    inputs = task.draw(clips, rng)
    apart = [
        task(encoder, **{k: v[i : i + 1] for k, v in inputs.items()})["loss"]
        for i in range(len(clips))
    ]
    torch.testing.assert_close(task(encoder, **inputs)["loss"], torch.stack(apart).mean())


def test_step_can_be_copied_and_holds_the_encoder_once():
    task, encoder = make()
    step = copy.deepcopy(Step(encoder, task))
    names = [name for name, p in step.named_parameters() if p.requires_grad]
    assert not [name for name in names if "target" in name]
    target = {p.data_ptr() for p in step.pretext.target.parameters()}
    assert not target & {p.data_ptr() for p in step.encoder.parameters()}


SHORT = TrainingConfig(
    steps=6,
    batch_size=8,
    warmup_steps=2,
    log_every=1,
    validate_every=3,
    checkpoint_every=3,
    held_out=0.2,
    accelerator="cpu",
)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_resumed_run_equals_one_that_was_not_stopped(norm, tmp_path, monkeypatch):
    encoder = EncoderConfig(width=0.25, norm=norm)
    settings = PretrainConfig("byol-a", ByolA.Config(hidden=32), encoder, training=SHORT)
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    runs.pretrain("builtin:4", straight, settings, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_any", lambda self, stop: self.step == 3)
        with pytest.raises(TrainingInterruptedError):
            runs.pretrain("builtin:4", stopped, settings, progress=False)
    assert checkpoint.load(stopped).progress["step"] == 3
    runs.resume(stopped, progress=False)
    for file in (checkpoint.MODEL, checkpoint.TRAINING):
        assert (stopped / "last" / file).read_bytes() == (straight / "last" / file).read_bytes()
    state = checkpoint.load_training(straight / "last")
    averaged = [name for name in state if name.startswith("pretext.target.")]
    assert averaged and not [n for n in state if n.startswith("optimizer.pretext.target.")]
