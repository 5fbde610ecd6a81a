"""wav2vec 2.0 and wav2vec-C against loops in float64, and where the loss has a closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.wav2vec2 import Wav2vec2Config, Wav2vecCConfig
from tiny_audio_ssl.pretext.parts.codebooks import GumbelCodebook
from tiny_audio_ssl.pretext.tasks.wav2vec2 import Wav2vec2, Wav2vecC

FRONTEND = FrontendConfig()
SMALL = {"steps": 12, "size": 16, "entries": 5, "span_steps": 6, "distractors": 4}
CONFIG = Wav2vec2Config(**SMALL)


def make(kind: type[Pretext] = Wav2vec2, config: Wav2vec2Config = CONFIG):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=0.25), FRONTEND.bands).eval().double()
    return kind(config, encoder, FRONTEND).eval().double(), encoder


def drawn(task: Wav2vec2, rng: torch.Generator, clips: int = 3) -> Inputs:
    """Inputs in float64, of log-mels that wander."""
    frames = task.clip_frames + 4
    logmel = torch.randn(clips, 1, FRONTEND.bands, frames, generator=rng).cumsum(3) / 5
    inputs = task.draw(logmel, rng)
    return {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def contrast_by_loops(task: Wav2vec2, encoder: Encoder, inputs: Inputs) -> float:
    losses = []
    with torch.no_grad():
        features = task.encode(encoder, inputs["logmel"])
        steps = task.steps_of(features)
        codes = task.codebook(steps.flatten(0, 1), inputs.get("noise")).vectors
        codes = codes.reshape(steps.shape)
        masked = steps.clone()
        masked[inputs["mask"]] = task.hidden
        context = task.context(masked)
        for b, t in inputs["predicted"].nonzero().tolist():
            wanted = task.of_context(context[b, t])
            scores = [cosine(wanted, task.of_codes(codes[b, t])) / 0.1]
            for other in inputs["distractors"][b, t].tolist():
                if not torch.equal(codes[b, other], codes[b, t]):
                    scores.append(cosine(wanted, task.of_codes(codes[b, other])) / 0.1)
            losses.append(math.log(sum(map(math.exp, scores))) - scores[0])
    return float(np.mean(losses))


@pytest.mark.parametrize("codebook", ["gumbel", "kmeans"])
def test_loss_by_loops(codebook, rng):
    task, encoder = make(config=replace(CONFIG, codebook=codebook))
    inputs = drawn(task, rng)
    out = task(encoder, **inputs)
    by_hand = contrast_by_loops(task, encoder, inputs)
    assert out["contrast"].item() == pytest.approx(by_hand, rel=1e-6)
    steps = task.steps_of(task.encode(encoder, inputs["logmel"])).flatten(0, 1)
    own = task.codebook(steps, inputs.get("noise")).loss
    assert out["loss"].item() == pytest.approx(by_hand + own.item(), rel=1e-6)
    assert own.item() > 0


def test_loss_of_orthonormal_codes_has_a_closed_form(rng):
    """All entries at right angles, c = q: cosines of 1 and 0, log(1 + n exp(-1 / temperature))."""
    task, _ = make()
    codes = torch.eye(12)[None].double()
    for layer in (task.of_codes, task.of_context):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    codes = torch.nn.functional.pad(codes, (0, 4))
    logits = task.logits(codes, codes, drawn(task, rng, clips=1)["distractors"])
    loss = (logits.logsumexp(dim=2) - logits[..., 0]).mean()
    assert loss.item() == pytest.approx(math.log(1 + 4 * math.exp(-10)), rel=1e-6)


def test_distractors_are_other_masked_steps_of_the_clip(rng):
    task, _ = make()
    inputs = drawn(task, rng, clips=40)
    for b in range(40):
        for t in range(12):
            others = inputs["distractors"][b, t].tolist()
            assert t not in others and all(inputs["mask"][b, other] for other in others)
            apart = [s for s in range(12) if abs(s - t) > 2 and inputs["mask"][b, s]]
            assert not apart or set(others) <= set(apart)


def test_distractors_with_the_same_entries_do_not_count(rng):
    task, _ = make()
    distractors, codes = drawn(task, rng, clips=1)["distractors"], torch.ones(1, 12, 16).double()
    context = torch.randn(1, 12, 16, generator=rng).double()
    logits = task.logits(context, codes, distractors)
    assert logits[..., 1:].isinf().all() and logits[..., 0].isfinite().all()


def test_consistency_by_loops(rng):
    """|r(q_t) - x_t|^2 over the four log-mel frames in the middle of each slice."""
    task, encoder = make(Wav2vecC, Wav2vecCConfig(**SMALL, consistency=0.7))
    inputs = drawn(task, rng)
    out = task(encoder, **inputs)
    steps = task.steps_of(task.encode(encoder, inputs["logmel"]))
    codes = task.codebook(steps.flatten(0, 1), inputs["noise"]).vectors.reshape(steps.shape)
    found = task.reconstruct(task.network(codes)).detach().reshape(3, 12, 64, 4)
    errors = []
    for b in range(3):
        for t in range(12):
            for k in range(4):
                wanted = inputs["logmel"][b, 0, :, 4 * t + 2 + k]
                errors += (found[b, t, :, k] - wanted).square().tolist()
    assert out["consistency"].item() == pytest.approx(0.7 * np.mean(errors), rel=1e-6)
    contrast = contrast_by_loops(task, encoder, inputs)
    total = contrast + out["codes"].item() + out["consistency"].item()
    assert out["loss"].item() == pytest.approx(total, rel=1e-6)


def test_temperature_follows_the_training():
    task, encoder = make()
    assert isinstance(task.codebook, GumbelCodebook)
    task.after_step(encoder, 5, 10)
    assert float(task.codebook.tau) == pytest.approx((0.7 * 0.3) ** 0.5)


def test_a_collapsed_codebook_is_reported():
    task, _ = make()
    assert "collapsed" in (task.collapse_reason({"hard_perplexity": 1.2}) or "")
    assert task.collapse_reason({"hard_perplexity": 20.0}) is None


@pytest.mark.parametrize("codebook", ["gumbel", "kmeans"])
def test_units_are_those_of_the_codebook(codebook, rng):
    task, encoder = make(config=replace(CONFIG, codebook=codebook))
    logmel = torch.randn(2, 1, 64, 40, generator=rng).double()
    product = task.product(LogMel(FRONTEND), encoder)
    assert product is not None and product.name == "units"
    with torch.no_grad():
        found = product.module(logmel)
        for step in range(9):
            features = encoder(logmel[..., 4 * step : 4 * step + 8])
            assert torch.equal(
                found[:, step], task.codebook.ids(task.steps_of(features[:, None])[:, 0])
            )
    assert found.shape == (2, 9, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"codebook": "lloyd"}, "gumbel or kmeans"),
        ({"groups": 3}, "size 16 does not divide into 3 groups"),
        ({"entries": 1}, "entries is 1"),
        ({"tau_end": 3.0}, "tau_end 3.0"),
        ({"distractors": 0}, "distractors"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(UserError, match=message):
        replace(CONFIG, **settings)
