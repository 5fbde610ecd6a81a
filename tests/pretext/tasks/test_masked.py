"""Mockingjay, Audio ALBERT and TERA against slow, literal transcriptions of their papers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder, parameter_count
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.pretext.parts.interpolation import interpolated
from tiny_audio_ssl.pretext.tasks.masked import altered_in_time

FRONTEND = FrontendConfig()
SMALL = {"steps": 9, "size": 16, "layers": 2}
FRAMES = 40  # of 9 steps


def make(task_name, **settings):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).double().eval()
    kind = PRETEXTS[task_name]
    return kind(kind.Config(**{**SMALL, **settings}), encoder, FRONTEND).double().eval(), encoder


def clips_of(count, rng, frames=FRAMES):
    return torch.randn(count, 1, FRONTEND.bands, frames, generator=rng, dtype=torch.float64)


def test_altered_frames(rng):
    """By the clip's die: zeros below 0.8, other frames below 0.9, otherwise as it was."""
    clips = clips_of(6, rng).numpy()
    chosen = np.random.default_rng(0).random((6, FRAMES)) < 0.3
    die, shift = np.array([0.1, 0.79, 0.81, 0.89, 0.91, 0.99]), np.array([3, 5, 7, 9, 11, 13])
    expected = clips.copy()
    for b in range(6):
        for t in range(FRAMES):
            if chosen[b, t] and die[b] < 0.8:
                expected[b, 0, :, t] = 0
            elif chosen[b, t] and die[b] < 0.9:
                expected[b, 0, :, t] = clips[b, 0, :, (t + shift[b]) % FRAMES]
    given = [torch.from_numpy(x) for x in (clips, chosen, die, shift)]
    np.testing.assert_array_equal(altered_in_time(*given, 0.8, 0.1), expected)


def test_draw_alters_whole_spans_of_many_clips(rng):
    task, _ = make("mockingjay", share=0.3, span_frames=11)
    target = clips_of(400, rng)
    inputs = task.draw(target, rng)
    assert torch.equal(inputs["target"], target)
    frames = inputs["counts"][:, 0].all(dim=1)
    assert torch.equal(frames, inputs["counts"][:, 0].any(dim=1))
    for row in frames.int().tolist():
        assert sum(row) == 11  # one span of 40 frames
    differs = inputs["altered"] != target
    assert not (differs & ~inputs["counts"]).any()
    zeroed = (inputs["altered"] == 0).any(dim=3).all(dim=2).float().mean()
    kept = 1 - differs.flatten(1).any(dim=1).float().mean()
    assert 0.74 < zeroed < 0.86 and 0.06 < kept < 0.14


@pytest.mark.parametrize("task_name", ["mockingjay", "audio-albert", "tera"])
@pytest.mark.parametrize("loss_on", ["altered", "all"])
def test_loss_is_the_error_at_altered_places(task_name, loss_on, rng):
    """A step reconstructs the 4 frames in the middle of its slice, from 2 on; mean of |x - y|."""
    task, encoder = make(task_name, loss_on=loss_on)
    inputs = task.draw(clips_of(3, rng), rng)
    out = task(encoder, **inputs)
    z = torch.stack(
        [task.project(encoder(inputs["altered"][..., 4 * s : 4 * s + 8])) for s in range(9)], dim=1
    )
    c = task.network(z)
    errors, hidden = [], []
    for b in range(3):
        for s in range(9):
            found = task.head(c[b, s]).detach().numpy().reshape(FRONTEND.bands, 4)
            for i in range(4):
                t = 4 * s + 2 + i
                for band in range(FRONTEND.bands):
                    where = (b, 0, band, t)
                    error = abs(found[band, i] - float(inputs["target"][where]))
                    if inputs["counts"][where] or loss_on == "all":
                        errors.append(error)
                    if inputs["counts"][where] and inputs["altered"][where] == 0:
                        hidden.append((error, abs(float(inputs["target"][where]))))
    np.testing.assert_allclose(out["loss"].item(), np.mean(errors), rtol=1e-6)
    own, of_mean = np.mean(hidden, axis=0)
    np.testing.assert_allclose(out["hidden/error"].item(), own, rtol=1e-6)
    np.testing.assert_allclose(out["hidden/error-of-mean"].item(), of_mean, rtol=1e-6)


def test_audio_albert_learns_one_layer_for_all(rng):
    """Its gradient is the sum of those of unshared layers of equal weights."""
    (shared, encoder), (apart, _) = make("audio-albert", layers=3), make("mockingjay", layers=3)
    one = shared.network.blocks[0].state_dict()
    state = {k: v for k, v in shared.state_dict().items() if ".blocks." not in k}
    apart.load_state_dict(state, strict=False)
    for block in apart.network.blocks:
        block.load_state_dict(one)
    inputs = shared.draw(clips_of(2, rng), rng)
    for task in (shared, apart):
        task(encoder, **inputs)["loss"].backward()
    assert len(shared.network.blocks) == 1 and len(apart.network.blocks) == 3
    for name, parameter in shared.network.blocks[0].named_parameters():
        unrolled = sum(block.get_parameter(name).grad for block in apart.network.blocks)
        torch.testing.assert_close(parameter.grad, unrolled)
    assert parameter_count(shared) < parameter_count(apart)


def test_tera_alters_time_bands_and_magnitude_independently(rng):
    task, _ = make("tera", span_frames=5)
    target = clips_of(1000, rng)
    altered, counts = task.alter(target, rng)
    bands = counts[:, 0].all(dim=2)
    widths = bands.sum(dim=1)
    assert widths.max() == 13 and widths.min() == 0  # 20 % of 64 bands
    assert 5.5 < widths.float().mean() < 7.5  # uniform in 0..13
    for row in bands.int().tolist():
        assert "01" not in "".join(map(str, row)).strip("0").replace("1", "")  # one block
    assert altered[bands[:, None, :, None].expand_as(altered)].eq(0).all()
    frames = counts[:, 0].all(dim=1)
    assert frames.sum(dim=1).eq(5).all()
    noise = (altered - target).masked_fill(counts, 0)
    noisy = noise.flatten(1).any(dim=1)
    assert 0.12 < noisy.float().mean() < 0.18
    visible = ~counts[noisy]
    assert 0.19 < noise[noisy][visible].std() < 0.21
    kept = altered.eq(0).any(dim=2)[:, 0].logical_and(frames).any(dim=1).logical_not()
    for first, second in ((noisy, kept), (noisy, widths > 6), (kept, widths > 6)):
        both = (first & second).float().mean()
        assert abs(both - first.float().mean() * second.float().mean()) < 0.03


def test_interpolation_in_time_and_over_bands(rng):
    time = torch.arange(12.0).expand(2, 1, 5, 12)
    hidden = torch.zeros(2, 1, 5, 12, dtype=torch.bool)
    hidden[0, ..., 4:9] = True
    torch.testing.assert_close(interpolated(time, hidden), time)
    hidden[0, ..., 9:] = True  # nothing visible after it
    torch.testing.assert_close(interpolated(time, hidden)[0, 0, 0, 3:], torch.full((9,), 3.0))
    bands = torch.arange(5.0)[:, None].expand(2, 1, 5, 12)
    hidden = torch.zeros_like(hidden)
    hidden[1, :, 1:4] = True
    torch.testing.assert_close(interpolated(bands, hidden), bands)
    assert interpolated(bands, torch.ones_like(hidden)).eq(0).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"zeroed": 0.8, "replaced": 0.3}, "expected at most 1 together"),
        ({"loss_on": "some"}, "loss_on 'some'; expected altered or all"),
        ({"span_frames": 92}, "span_frames 92 in clips of 92 frames; expected fewer"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        PRETEXTS["tera"].Config(**settings).clip_frames(FRONTEND)
