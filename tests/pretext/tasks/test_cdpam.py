"""CDPAM: which versions belong together, its three losses, and what makes d a distance."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from support.tasks import FRONTEND, make_task
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.configs.cdpam import DISTORTIONS, CdpamConfig
from tiny_audio_ssl.pretext.parts.degrade import DEGRADATIONS

SMALL = {"slice_ms": 175, "hidden": 16, "projection": 8, "temperature": 0.5}


def noise(rng: torch.Generator, *shape: int) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=rng)


def test_versions_share_clip_or_distortion(rng):
    """With noise alone, what is added to a clip and to another one is the same noise."""
    task, _ = make_task("cdpam", **SMALL, distortions=("noise",))
    clips = noise(rng, 4, FRONTEND.samples(16))
    clean, weak, strong, other, another = task.draw(clips, rng)["wav"].chunk(5)
    assert torch.equal(clean, clips)  # a slice has the clip's length
    added = F.normalize(strong - clean, dim=1)
    assert ((added * F.normalize(weak - clean, dim=1)).sum(1) > 0.999).all()
    assert ((strong - clean).norm(dim=1) > (weak - clean).norm(dim=1)).all()
    assert ((added * F.normalize(another - clean, dim=1)).sum(1).abs() < 0.1).all()
    sources = [(other[row] - clips).unbind() for row in range(4)]
    found = [
        [float((F.normalize(rest, dim=0) * added[row]).sum()) > 0.999 for rest in sources[row]]
        for row in range(4)
    ]
    assert [row.count(True) for row in found] == [1] * 4  # one source each, and
    assert not any(found[row][row] for row in range(4))  # never its own


def nt_xent_by_hand(first: Tensor, second: Tensor, temperature: float) -> float:
    views, total = [*first, *second], 0.0
    count = len(first)
    for i, view in enumerate(views):
        scores = [math.exp(float(F.cosine_similarity(view, v, dim=0)) / temperature) for v in views]
        total -= math.log(scores[(i + count) % (2 * count)] / (sum(scores) - scores[i]))
    return total / len(views)


def distance_by_hand(task, first: Tensor, second: Tensor) -> float:
    """The sum over the layers of the mean of w |F(first) - F(second)|."""
    total = 0.0
    for layer, weights in zip(task.distance.layers, task.distance.weights, strict=True):
        first, second = layer.weight @ first, layer.weight @ second
        w = [math.log(1 + math.exp(x)) for x in weights.tolist()]
        differences = [abs(float(a - b)) for a, b in zip(first, second, strict=True)]
        total += sum(x * y for x, y in zip(w, differences, strict=True)) / len(w)
        first, second = (torch.where(x < 0, 0.01 * x, x) for x in (first, second))
    return total


def test_losses_by_hand(rng):
    task, encoder = make_task("cdpam", **SMALL, margin=0.3, order_weight=2.0)
    inputs = task.inputs(LogMel(), noise(rng, 4, FRONTEND.samples(20)), rng)
    with torch.no_grad():
        out = task(encoder, **inputs)
        halves = [task.halves(z) for z in encoder(inputs["logmel"]).chunk(5)]
        (clean, _), (weak, _), (strong, said), (elsewhere, _), (_, also_said) = halves
        assert torch.allclose(clean.norm(dim=1), torch.ones(4))
        alike = nt_xent_by_hand(*(task.acoustics(z) for z in (strong, elsewhere)), 0.5)
        same = nt_xent_by_hand(*(task.content(z) for z in (said, also_said)), 0.5)
        pairs = [
            (distance_by_hand(task, c, w), distance_by_hand(task, c, s))
            for c, w, s in zip(clean, weak, strong, strict=True)
        ]
    order = np.mean([max(0, near - far + 0.3) for near, far in pairs])
    np.testing.assert_allclose(float(out["loss"]), alike + same + 2 * order, rtol=1e-4)
    assert float(out["accuracy"]) == np.mean([near < far for near, far in pairs])


def test_it_is_a_distance(rng):
    task, encoder = make_task("cdpam", **SMALL)
    product = task.product(LogMel(), encoder)
    assert (product.name, product.takes, product.sounds) == ("distance", "waveform", 2)
    first, second = noise(rng, 3, 8000), noise(rng, 3, 8000)
    first[0], second[1] = 0, 50 * second[1].clamp(-0.02, 0.02)  # silence, a clipped sound
    pairs = torch.stack([first, second], dim=1)
    with torch.no_grad():
        found = product.module(pairs)
        assert found.shape == (3, 1) and found.isfinite().all() and (found > 0).all()
        torch.testing.assert_close(found, product.module(pairs.flip(1)))
        assert not product.module(torch.stack([first, first], dim=1)).any()


def test_settings_name_the_distortions():
    assert set(DISTORTIONS) == set(DEGRADATIONS)
    with pytest.raises(UserError, match="choose one or more of noise"):
        CdpamConfig(distortions=("wow",))
    with pytest.raises(UserError, match="choose one or more of noise"):
        CdpamConfig(distortions=())
