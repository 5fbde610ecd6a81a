"""PASE and PASE+ against loops in float64: targets, pairs and the mean of the losses."""

from __future__ import annotations

import math

import pytest
import torch
from support.tasks import FRONTEND, make_task

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.configs.pase import OF_PASE, OF_PASE_PLUS, PaseConfig, PasePlusConfig
from tiny_audio_ssl.pretext.parts.signal_targets import TARGETS

SIZES = {"steps": 9, "size": 8, "hidden": 6, "gap_ms": 80.0, "sequence": 3}
WEIGHTS = {name: 1.0 + i for i, name in enumerate(OF_PASE)}


def waves(clips: int, frames: int = 60) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(clips, FRONTEND.samples(frames), generator=rng)


def inputs_of(task, clips: torch.Tensor, seed: int = 3) -> dict[str, torch.Tensor]:
    return task.inputs(LogMel(FRONTEND), clips, torch.Generator().manual_seed(seed))


def worker(task, name: str, *vectors: torch.Tensor) -> torch.Tensor:
    """A perceptron with one hidden layer, by hand."""
    first, _, second = task.workers[name]
    hidden = (first.weight @ torch.cat(vectors) + first.bias).clamp_min(0)
    return (second.weight @ hidden + second.bias).detach()


def test_targets_are_those_of_the_frames_in_the_middle_of_each_slice():
    task, _ = make_task("pase", **SIZES)
    wav = waves(2, task.clip_frames)
    mfcc, samples = task.targets.of("mfcc", wav), task.targets.of("waveform", wav)
    frames = TARGETS["mfcc"](wav, FRONTEND)
    assert mfcc.shape == (2, 9, 20) and samples.shape == (2, 9, 640)
    for step in (0, 4, 8):
        first = 4 * step + 2  # of the four frames in the middle of eight
        expected = sum(frames[1, :, first + k] for k in range(4)) / 4
        torch.testing.assert_close(mfcc[1, step], expected)
        begin = 160 * first + 120
        assert torch.equal(samples[1, step], wav[1, begin : begin + 640])


def test_plus_predicts_seven_frames():
    task, _ = make_task("pase-plus", **SIZES)
    wav = waves(2, task.clip_frames)
    found, frames = task.targets.of("gammatone", wav), TARGETS["gammatone"](wav, FRONTEND)
    assert found.shape == (2, 9, 7 * 40)
    for step in (0, 8):
        for k in range(7):
            expected = frames[1, :, 4 * step + k]
            torch.testing.assert_close(found[1, step, 40 * k : 40 * (k + 1)], expected)


def test_targets_are_standardized_by_fit():
    task, _ = make_task("pase", **SIZES)
    clips = waves(30, task.clip_frames)
    task.fit(clips)
    inputs = inputs_of(task, clips)
    for name in ("lps", "mfcc", "waveform"):
        found = inputs[name].flatten(0, 1)
        assert found.mean(dim=0).abs().max() < 1e-3
        torch.testing.assert_close(found.std(dim=0, correction=0), torch.ones(found.shape[1]))
    assert {name for name, _ in task.named_buffers() if "mean" in name} == {
        f"targets.mean_{name}" for name in ("waveform", "lps", "mfcc", "prosody")
    }


def test_loss_is_the_weighted_mean_of_the_workers():
    task, encoder = make_task("pase", weights=WEIGHTS, **SIZES)
    clips = waves(4)
    task.fit(clips)
    inputs = inputs_of(task, clips)
    task, encoder = task.double(), encoder.double()
    inputs = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    z = task.project(task.encode(encoder, inputs["logmel"])).detach()
    losses = dict.fromkeys(WEIGHTS, 0.0)
    for name in ("waveform", "lps", "mfcc", "prosody"):
        errors = []
        for b in range(4):
            for t in range(9):
                difference = worker(task, name, z[b, t]) - inputs[name][b, t]
                errors += [abs(d) if name == "waveform" else d * d for d in difference.tolist()]
        losses[name] = sum(errors) / len(errors)
    for b in range(4):
        first, second, other, middle = inputs["steps"][b].tolist()
        c = int(inputs["others"][b])
        assert c != b and first != second and 4 <= middle <= 4
        halves = [[z[i, :4].mean(dim=0), z[i, 5:].mean(dim=0)] for i in (b, c)]
        after = [z[b, middle + 2 + k] for k in range(3)]
        before = [z[b, middle - 4 + k] for k in range(3)]
        pairs = {
            "lim": ((z[b, first], z[b, second]), (z[b, first], z[c, other])),
            "gim": ((halves[0][0], halves[0][1]), (halves[0][0], halves[1][1])),
            "spc": ((z[b, middle], *after), (z[b, middle], *before)),
        }
        for name, (right, wrong) in pairs.items():
            losses[name] -= math.log(1 / (1 + math.exp(-worker(task, name, *right)))) / 4
            losses[name] -= math.log(1 - 1 / (1 + math.exp(-worker(task, name, *wrong)))) / 4
    out = task(encoder, **inputs)
    for name, loss in losses.items():
        assert out[f"loss/{name}"].item() == pytest.approx(loss, rel=1e-9), name
    total = sum(WEIGHTS[name] * loss for name, loss in losses.items())
    assert out["loss"].item() == pytest.approx(total / sum(WEIGHTS.values()), rel=1e-9)


def test_plus_distorts_what_is_heard_and_not_the_targets():
    settings = {**SIZES, "weights": {"mfcc": 1.0, "prosody": 1.0}}
    clean, _ = make_task("pase-plus", distorted=0.0, **settings)
    task, _ = make_task("pase-plus", **settings)
    clips = waves(6, task.clip_frames)  # of one possible crop
    heard, same = (inputs_of(one, clips) for one in (task, clean))
    assert not torch.equal(heard["logmel"], same["logmel"])
    assert torch.equal(same["logmel"], LogMel(FRONTEND)(clips))
    for name in ("mfcc", "prosody"):
        assert torch.equal(heard[name], same[name])


def test_workers_are_those_with_a_weight():
    task, _ = make_task("pase", weights={"prosody": 2.0, "lim": 1.0}, **SIZES)
    assert list(task.workers) == ["prosody", "lim"]
    assert set(PaseConfig().weights) == set(OF_PASE) and len(OF_PASE) == 7
    assert set(PasePlusConfig().weights) == set(OF_PASE_PLUS) and "spc" not in OF_PASE_PLUS


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"weights": {"pitch": 1.0}}, "'pitch'; choose from waveform, lps"),
        ({"weights": {"mfcc": 0.0}}, "Leave out each worker"),
        ({"steps": 10}, "the worker spc needs 17"),
    ],
)
def test_settings_that_make_no_sense(settings, said):
    with pytest.raises(UserError, match=said):
        PaseConfig(**settings)


def test_more_frames_than_a_slice_has():
    with pytest.raises(UserError, match="frames 9: a slice of 95 ms has 8"):
        make_task("pase-plus", frames=9)
