"""The contract of `pretext/base.py`, over every task in PRETEXTS and both encoders."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS, pretext_class

FRONTEND = FrontendConfig()
CLIPS = 8


def make(task_name: str, encoder_name: str = "mobile"):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(encoder_name), FRONTEND.bands)
    kind = PRETEXTS[task_name]
    return kind(kind.Config(), encoder, FRONTEND), encoder


def some_clips(task, extra_frames: int = 5) -> torch.Tensor:
    """Tones that wander, so that there is something to learn from."""
    rng = torch.Generator().manual_seed(1)
    frames = task.config.clip_frames(FRONTEND) + extra_frames
    if task.takes == "wav":
        return 0.1 * torch.randn(CLIPS, FRONTEND.samples(frames), generator=rng)
    walk = torch.randn(CLIPS, 1, 1, frames, generator=rng).cumsum(-1)
    bands = torch.arange(FRONTEND.bands)[None, None, :, None] / 4
    return torch.sin(walk + bands)


def draw(task, seed: int = 3, **kw):
    """What `forward` is given, of the clips above."""
    clips, rng = some_clips(task, **kw), torch.Generator().manual_seed(seed)
    if task.takes == "wav":
        return task.inputs(LogMel(FRONTEND), clips, rng)
    return task.draw(clips, rng)


def triples(tensor: torch.Tensor) -> set[tuple[float, ...]]:
    """Neighbouring values in the last dimension: one value may be equal by chance, three not."""
    rows = torch.atleast_2d(tensor).flatten(0, -2)
    if rows.shape[-1] < 3:
        return set()
    found = rows.unfold(1, 3, 1).flatten(0, 1)
    return {row for row in map(tuple, found.tolist()) if len(set(row)) == 3}


def test_says_what_it_is(task_name):
    kind = PRETEXTS[task_name]
    assert "arXiv" in kind.paper and kind.summary and kind.takes in ("logmel", "wav")
    assert "--pretext." in kind.Config().shorter()


def test_draw_is_repeatable_and_edits_nothing(task_name):
    task, _ = make(task_name)
    clips = some_clips(task)
    before = clips.clone()
    first = task.draw(clips, torch.Generator().manual_seed(3))
    again = task.draw(clips, torch.Generator().manual_seed(3))
    other = task.draw(clips, torch.Generator().manual_seed(4))
    assert torch.equal(clips, before)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert any(not torch.equal(first[k], other[k]) for k in first)


def test_needs_no_more_than_it_says(task_name):
    task, encoder = make(task_name)
    inputs = draw(task, extra_frames=0)
    assert torch.isfinite(task(encoder, **inputs)["loss"])


def test_the_encoder_is_given_slices_of_the_length_it_says(task_name):
    task, encoder = make(task_name)
    seen = []
    encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[3]))
    task(encoder, **draw(task))
    parts = task.tasks.values() if task_name == "combined" else [task]  # of several lengths
    assert set(seen) == {part.config.slice_frames(FRONTEND) for part in parts}
    assert task.config.slice_frames(FRONTEND) in seen


def test_forward_is_deterministic_and_gives_loss_and_embedding(task_name):
    task, encoder = make(task_name)
    task.eval(), encoder.eval()
    inputs = draw(task)
    first, again = task(encoder, **inputs), task(encoder, **inputs)
    assert first["loss"].ndim == 0 and torch.equal(first["loss"], again["loss"])
    assert first["embedding"].ndim == 2 and first["embedding"].shape[1] == encoder.feature_dim


def test_gradient_everywhere(task_name, encoder_name):
    task, encoder = make(task_name, encoder_name)
    task(encoder, **draw(task))["loss"].backward()
    named = [*encoder.named_parameters(), *task.named_parameters()]
    learned = [(n, p) for n, p in named if p.requires_grad]  # not so: moving averages
    without = [n for n, p in learned if p.grad is None or not p.grad.abs().max() > 0]
    assert not without


def test_learns_one_batch(task_name, encoder_name):
    task, encoder = make(task_name, encoder_name)
    inputs = draw(task)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *task.parameters()], lr=3e-3)
    losses = []
    for _ in range(60):
        loss = task(encoder, **inputs)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # Cross-entropy with a soft target ends at the target's entropy, not at zero.
    floor = 0.0
    if "gap" in inputs:
        gap = inputs["gap"].clamp(1e-6, 1 - 1e-6)
        floor = torch.nn.functional.binary_cross_entropy(gap, gap).item()
    assert losses[-1] - floor < 0.5 * (losses[0] - floor)


def test_state_round_trip(task_name):
    task, encoder = make(task_name)
    other, _ = make(task_name)
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    other.load_state_dict(task.state_dict())
    task.eval(), other.eval(), encoder.eval()
    inputs = draw(task)
    assert torch.equal(task(encoder, **inputs)["loss"], other(encoder, **inputs)["loss"])


def test_state_holds_neither_encoder_nor_audio(task_name):
    task, encoder = make(task_name)
    clips = some_clips(task)
    task.fit(clips)
    task(encoder, **draw(task))["loss"].backward()
    task.after_step(encoder, 1, 10)
    own = {p.data_ptr() for p in task.parameters()}
    shared = own & {p.data_ptr() for p in encoder.parameters()}
    assert not shared  # a moving average of the encoder is the task's own
    planted = triples(clips)
    assert planted & triples(clips[2:4])  # the test itself finds what was planted
    for name, tensor in task.state_dict().items():
        assert not planted & triples(tensor), f"{name} holds audio"


def test_every_hyper_parameter_is_checked(task_name):
    config = PRETEXTS[task_name].Config
    for field in dataclasses.fields(config):
        if isinstance(field.default, bool):
            continue  # both values are right, and the command line offers no third
        with pytest.raises((UserError, RuntimeError)):
            make_with = PRETEXTS[task_name]
            wrong = config(**{field.name: -1})
            make_with(wrong, Encoder(EncoderConfig(), FRONTEND.bands), FRONTEND)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match="temporal-gap, audio2vec-cbow"):
        pretext_class("rotnet")
