"""CLAR: its loss by loops, with and without labels, and what each augmentation does."""

from __future__ import annotations

import math

import pytest
import torch
from support.tasks import counting_waves, logmels, make_task

from tiny_audio_ssl import UserError
from tiny_audio_ssl.pretext.configs.clar import AUGMENTATIONS, ClarConfig
from tiny_audio_ssl.pretext.tasks.clar import DISTORTIONS

CLASSES = ("bed", "cat", "happy")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def log_softmax(scores, index):
    return scores[index] - math.log(sum(math.exp(score) for score in scores))


@pytest.mark.parametrize("label", [[0, -1, 2, -1], [-1, -1, -1, -1], [1, 1, 0, 2]])
def test_loss_is_nt_xent_and_cross_entropy_of_the_labeled_clips(label):
    """NT-Xent(p1, p2; .5) + CE(q1, y) + CE(q2, y); clips with y = -1 are only contrasted."""
    task, encoder = make_task("clar", classes=CLASSES)
    logmel = logmels(8, 96)
    p = task.projector(encoder(logmel))
    q = task.classifier(p).double().tolist()
    z = (p / p.norm(dim=1, keepdim=True)).double().tolist()
    contrast = classes = 0.0
    for i in range(8):
        scores = [sum(a * b for a, b in zip(z[i], row, strict=True)) / 0.5 for row in z]
        pair = (i + 4) % 8
        others = scores[:i] + scores[i + 1 :]
        contrast -= scores[pair] - math.log(sum(map(math.exp, others)))
    labeled = [i for i, y in enumerate(label) if y >= 0]
    for i in labeled:
        classes -= (log_softmax(q[i], label[i]) + log_softmax(q[4 + i], label[i])) / len(labeled)
    out = task(encoder, logmel=logmel, label=torch.tensor(label))
    assert out["loss"].item() == pytest.approx(contrast / 8 + classes, rel=1e-4)


def test_without_classes_nothing_is_classified(rng):
    task, _ = make_task("clar")
    waves = 0.1 * torch.randn(4, 15_600, generator=rng)
    assert set(task.draw(waves, rng)) == {"wav"} and not hasattr(task, "classifier")
    assert task.config.columns() == () and ClarConfig(classes=CLASSES).columns() == ("label",)


def test_both_terms_train_the_encoder_on_the_same_batch():
    task, encoder = make_task("clar", classes=CLASSES)
    logmel, gradients = logmels(8, 96), []
    for label in (torch.tensor([0, 1, 2, 0]), torch.full((4,), -1)):
        encoder.zero_grad()
        task.zero_grad()
        task(encoder, logmel=logmel, label=label)["loss"].backward()
        gradients.append(torch.cat([p.grad.flatten() for p in encoder.parameters()]))
        assert task.classifier[-1].weight.grad.any() == (label >= 0).any()
    assert not torch.allclose(*gradients, rtol=0.1)


def test_labels_are_drawn_beside_their_clips(rng):
    task, _ = make_task("clar", classes=CLASSES)
    label = torch.tensor([2, -1, 0, 1])
    waves = 0.1 * torch.randn(4, 15_600, generator=rng)
    drawn = task.draw(waves, generator(), label=label)
    assert torch.equal(drawn["label"], label) and drawn["wav"].shape == (8, 15_600)
    alone = task.draw(waves, generator())  # in an export, say, there are no labels
    assert alone["label"].tolist() == [-1] * 4 and torch.equal(alone["wav"], drawn["wav"])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_changes_its_share_of_the_views(name):
    task, _ = make_task("clar", augmentations=(name,), probability=0.25)
    waves = 0.1 * torch.randn(40, 15_600, generator=generator(1))
    views = task.draw(waves, generator())["wav"].chunk(2)
    changed = torch.cat([(view != waves).any(dim=1) for view in views])
    assert 8 <= changed.sum() <= 32
    assert not torch.equal(*views)


def test_pitch_is_shifted_by_up_to_15_semitones():
    time_s = torch.arange(15_600) / 16_000
    tones = (0.3 * torch.sin(2 * math.pi * 500 * time_s)).expand(24, -1)
    spectra = torch.fft.rfft(DISTORTIONS["pitch-shift"](tones, generator())).abs()
    semitones = 12 * (spectra.argmax(dim=1) * (16_000 / 15_600) / 500).log2()
    assert -15.1 < semitones.min() < -9 and 9 < semitones.max() < 15.1


def test_an_eighth_of_a_second_is_masked():
    masked = DISTORTIONS["time-mask"](torch.ones(50, 15_600), generator())
    assert ((masked == 0).sum(dim=1) == 2000).all()
    first = (masked == 0).int().argmax(dim=1)
    assert first.min() < 2000 and first.max() > 11_000


def test_time_is_shifted_by_up_to_half_a_second():
    waves = counting_waves(1, 15_600).expand(50, -1)
    first = DISTORTIONS["time-shift"](waves, generator())[:, 0]
    moved = torch.minimum(first, 15_600 - first)
    assert moved.max() > 7000 and (first < 8000).any() and (first > 8000).any()


def test_stretching_is_between_half_and_one_and_a_half():
    """A click 0.4 s after the start is heard at 0.4 s / factor."""
    clicks = torch.zeros(40, 15_600)
    clicks[:, 6400] = 1
    place = DISTORTIONS["time-stretch"](clicks, generator()).abs().argmax(dim=1)
    factor = 6400 / place
    assert 0.45 < factor.min() < 0.65 and 1.3 < factor.max() < 1.6


def test_noise_is_added_at_0_to_20_db():
    waves = 0.1 * torch.randn(60, 15_600, generator=generator(1))
    noise = DISTORTIONS["noise"](waves, generator()) - waves
    snr_db = 20 * (waves.norm(dim=1) / noise.norm(dim=1)).log10()
    assert -0.1 < snr_db.min() < 3 and 17 < snr_db.max() < 20.1
    spectra = torch.fft.rfft(noise).abs().square()
    low_share = spectra[:, :200].sum(dim=1) / spectra.sum(dim=1)
    assert low_share.min() < 0.1 and low_share.max() > 0.9  # white and brown


def test_fades_are_within_half_of_the_slice():
    faded = DISTORTIONS["fade"](torch.ones(50, 1000), generator())
    middle = faded[:, 499:501]
    torch.testing.assert_close(middle, torch.ones_like(middle), rtol=0, atol=0.01)
    assert (faded[:, 0] < 0.01).float().mean() > 0.9


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"classes": ("bed",)}, "one class, bed; give two or more"),
        ({"classes": ("bed", "bed")}, "expected different texts"),
        ({"classes": "bed"}, "classes is 'bed'; expected texts"),
        ({"augmentations": ("echo",)}, "'echo' is not known; choose from pitch-shift, fade"),
        ({"augmentations": ()}, "both views are the same"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        ClarConfig(**settings)
