"""HuBERT against literal forms, its masks, and a second iteration on the first one's features."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.hubert import HubertConfig
from tiny_audio_ssl.pretext.parts.masked_steps import eroded
from tiny_audio_ssl.pretext.tasks.hubert import Hubert

FRONTEND = FrontendConfig()
SMALL = EncoderConfig(width=0.25)
CONFIG = HubertConfig(steps=12, size=16, clusters=(3, 5), span_steps=6)


def make(config: HubertConfig = CONFIG) -> tuple[Hubert, Encoder]:
    torch.manual_seed(0)
    encoder = Encoder(SMALL, FRONTEND.bands).eval()
    return Hubert(config, encoder, FRONTEND).eval(), encoder


def waves(task: Hubert, count: int = 10) -> torch.Tensor:
    """Tones that change every few steps, in noise."""
    rng = torch.Generator().manual_seed(1)
    samples = FRONTEND.samples(task.clip_frames + 5)
    pitch = 200 * 2 ** torch.randint(0, 4, (count, 5), generator=rng).float()
    pitch = pitch.repeat_interleave(-(-samples // 5), dim=1)[:, :samples]
    noise = torch.randn(count, samples, generator=rng)
    return 0.1 * torch.sin(2 * math.pi * pitch.cumsum(1) / 16_000) + 0.01 * noise


def fitted(config: HubertConfig = CONFIG) -> tuple[Hubert, Encoder]:
    task, encoder = make(config)
    task.fit(waves(task))
    return task, encoder


def test_loss_by_loops(rng):
    """-sum over codebooks of mean_t log p(y_t | c_t), p of cosines over 0.1; float64."""
    task, encoder = fitted()
    inputs = task.inputs(LogMel(FRONTEND), waves(task, 4), rng)
    task, encoder = task.double(), encoder.double()
    inputs = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    out = task(encoder, **inputs)
    features = torch.stack(
        [
            torch.stack([encoder(inputs["logmel"][b : b + 1, ..., 4 * s : 4 * s + 8])[0]
                         for s in range(12)])
            for b in range(4)
        ]
    )  # fmt: skip
    projected = task.project(features).detach()
    for b in range(4):
        for s in range(12):
            if inputs["mask"][b, s]:
                projected[b, s] = task.hidden
    context = task.context(projected).detach()
    total = 0.0
    for index, size in enumerate((3, 5)):
        losses = []
        for b in range(4):
            for s in range(12):
                if not inputs["predicted"][b, s]:
                    continue
                wanted = task.heads[index](context[b, s])
                scores = []
                for v in range(size):
                    code = task.codes[index][v]
                    cosine = wanted @ code / (wanted.norm() * code.norm())
                    scores.append(cosine.item() / 0.1)
                label = int(inputs["labels"][b, s, index])
                losses.append(math.log(sum(map(math.exp, scores))) - scores[label])
        total += np.mean(losses)
    told = []
    for b in range(4):
        for s in range(12):
            scores = task.units(features[b, s]).tolist()
            label = int(inputs["labels"][b, s, 1])
            told.append(math.log(sum(map(math.exp, scores))) - scores[label])
    assert out["loss"].item() == pytest.approx(total + np.mean(told), rel=1e-6)


def test_labels_by_loops(rng):
    """The nearest centroid of the MFCC, averaged over the 40 ms in the middle of each slice."""
    task, _ = fitted()
    inputs = task.draw(waves(task, 3), rng)
    mfcc = task.mfcc(inputs["wav"])
    for b in range(3):
        for s in range(12):
            mean = sum(mfcc[b, :, 4 * s + 2 + k] for k in range(4)) / 4
            for index in range(2):
                far = (task.get_buffer(f"centroids{index}") - mean).norm(dim=1)
                assert inputs["labels"][b, s, index] == far.argmin()


def test_labels_do_not_depend_on_the_masks():
    task, _ = fitted()
    clips = waves(task)[:, : FRONTEND.samples(task.clip_frames)]  # one place to cut from
    drawn = [task.draw(clips, torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    assert not torch.equal(drawn[0]["mask"], drawn[1]["mask"])
    assert torch.equal(drawn[0]["labels"], drawn[1]["labels"])


def test_masks_hide_what_is_predicted(rng):
    """Slices 2 steps apart share samples: those of predicted steps are all masked."""
    task, _ = make()
    drawn = task.draw_mask(200, rng)
    mask, predicted = drawn["mask"], drawn["predicted"]
    assert predicted.any(dim=1).all() and not mask.all(dim=1).any()
    for clip in range(200):
        for s in range(12):
            near = range(max(0, s - 2), min(12, s + 3))
            assert predicted[clip, s] == all(mask[clip, t] for t in near)
    assert torch.equal(eroded(mask, 0), mask)


def test_a_prediction_sees_no_sample_of_its_label(rng):
    """Neither of its slice, nor of what the deltas look at."""
    task, encoder = fitted()
    drawn = task.draw(waves(task, 2), rng)
    wav = drawn["wav"].requires_grad_()
    steps = task.encode(encoder, LogMel(FRONTEND)(wav))
    context = task.in_context(task.project(steps), drawn["mask"])
    clip, step = drawn["predicted"].nonzero()[0].tolist()
    score = task.logits(1, context[clip, step][None])[0, 0]
    seen = torch.autograd.grad(score, wav, retain_graph=True)[0][clip] != 0
    assert seen.any()
    label = task.targets_of(wav)[clip, step].sum()
    heard = torch.autograd.grad(label, wav)[0][clip] != 0
    assert heard.any() and not (seen & heard).any()


def test_units_do_not_train_the_encoder(rng):
    task, encoder = fitted()
    inputs = task.inputs(LogMel(FRONTEND), waves(task, 4), rng)
    grads = []
    for scale in (1.0, 3.0):
        task.units.weight.data *= scale
        encoder.zero_grad()
        task(encoder, **inputs)["loss"].backward()
        grads.append([p.grad.clone() for p in encoder.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))


@pytest.fixture(scope="module")
def first_iteration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("first")
    torch.manual_seed(3)
    model = checkpoint.build_model(FRONTEND, EncoderConfig("separable", width=0.25))
    checkpoint.save(run / "last", model, {"task": "hubert"}, {"step": 0})
    return run


def test_second_iteration_clusters_the_first_ones_features(first_iteration, rng):
    task, _ = fitted(replace(CONFIG, targets=str(first_iteration)))
    inputs = task.draw(waves(task, 2), rng)
    model = checkpoint.load(first_iteration).model
    for b in range(2):
        for s in range(12):
            wav = inputs["wav"][b : b + 1, 640 * s : 640 * s + 1520]
            with torch.no_grad():
                features = model.encoder(model.frontend(wav))[0]
            far = (task.get_buffer("centroids1") - features).norm(dim=1)
            assert inputs["labels"][b, s, 1] == far.argmin()


def test_first_iteration_is_not_in_the_state(first_iteration):
    task, _ = make(replace(CONFIG, targets=str(first_iteration)))
    own, _ = make()
    assert task.state_dict().keys() == own.state_dict().keys()
    assert not any("first" in name for name in task.state_dict())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"targets": ""}, "mfcc or the folder of a run"),
        ({"clusters": ()}, "one or more sizes"),
        ({"clusters": (1,)}, "clusters is 1"),
        ({"temperature": 0}, "temperature"),
        ({"span_steps": 4}, "--pretext.span-steps 5 or more"),
        ({"span_steps": 12}, "--pretext.mask-share"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(UserError, match=message):
        make(replace(CONFIG, **settings))


def test_targets_that_are_no_run(tmp_path):
    with pytest.raises(UserError, match=str(tmp_path / "none")):
        make(replace(CONFIG, targets=str(tmp_path / "none")))


def test_too_few_recordings_for_the_clusters():
    task, _ = make(replace(CONFIG, clusters=(50,)))
    with pytest.raises(UserError, match=r"120 frames to fit 50 clusters.*--pretext.clusters"):
        task.fit(waves(task))
