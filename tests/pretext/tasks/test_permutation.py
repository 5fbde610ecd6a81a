"""Permutations against all orders of four patches (arXiv 2103.09879, 2002.08676)."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from support.tasks import FRONTEND, make_task

from tiny_audio_ssl import UserError


def clips_of_places(count, frames):
    """Each value says its band and frame: 1000 times the band and 1 per frame, from 1 on."""
    band = 1000.0 * torch.arange(FRONTEND.bands)[None, None, :, None]
    return (band + torch.arange(1.0, frames + 1)).expand(count, 1, -1, -1).contiguous()


@pytest.mark.parametrize(("times", "bands"), [(8, 1), (3, 2), (1, 4)])
def test_patches_are_moved_whole_with_zeros_between_them(rng, times, bands):
    task, _ = make_task("permutation", time_patches=times, band_patches=bands)
    config, n = task.config, times * bands
    height, width = config.patch_bands(FRONTEND), config.patch_frames(FRONTEND)
    clips = clips_of_places(5, 96)
    drawn = task.draw(clips, rng)
    assert drawn["shuffled"].shape == (5, 1, 64, times * (width + 1) - 1)
    orders = set()
    for shuffled, ranks in zip(drawn["shuffled"][:, 0], drawn["ranks"], strict=True):
        order = (ranks * (n - 1)).round().int().tolist()
        assert sorted(order) == list(range(n))
        orders.add(tuple(order))
        left = shuffled.clone()
        corners = []
        for place in range(n):
            time, band = divmod(place, bands)
            rows = slice(band * (height + 1), band * (height + 1) + height)
            columns = slice(time * (width + 1), time * (width + 1) + width)
            patch = shuffled[rows, columns]
            assert (patch.diff(dim=1) == 1).all() and (patch.diff(dim=0) == 1000).all()
            corners.append(divmod(int(patch[0, 0]), 1000))
            left[rows, columns] = 0
        assert not left.any()  # only zeros between patches
        start = min(frame for _, frame in corners)
        for place, (band, frame) in enumerate(corners):
            true_time, true_band = divmod(order[place], bands)
            assert band == true_band * (height + 1)
            assert frame - start == true_time * (width + 1)
    assert len(orders) > 1


def test_loss_and_gradient_are_those_over_all_orders(rng):
    """F_eps(theta) = mean_m max_y <y, theta + eps Z_m> - <y*, theta> over all 24 orders y."""
    task, encoder = make_task("permutation", time_patches=4, band_patches=1)
    drawn = task.draw(torch.randn(3, 1, 64, 96, generator=rng), rng)
    out = task(encoder, **drawn)
    theta = task.score(encoder.maps(drawn["shuffled"])[1].flatten(1)).detach().double()
    total, gradient = 0.0, torch.zeros_like(theta)
    ranks = [0.0, 1 / 3, 2 / 3, 1.0]
    for b in range(3):
        for z in drawn["noise"][b].double():
            perturbed = theta[b] + 0.5 * z
            best = max(
                (torch.tensor(y).double() for y in permutations(ranks)),
                key=lambda y: (y @ perturbed).item(),
            )
            total += (best @ perturbed).item() / len(drawn["noise"][b])
            gradient[b] += best / len(drawn["noise"][b])
        total -= (drawn["ranks"][b].double() @ theta[b]).item()
        gradient[b] -= drawn["ranks"][b]
    assert out["loss"].item() == pytest.approx(total / 3, rel=1e-5)
    bias = torch.autograd.grad(out["loss"], task.score.bias)[0]
    torch.testing.assert_close(bias.double(), gradient.mean(dim=0), rtol=0, atol=1e-5)


def test_agreement_is_1_for_the_right_order_and_minus_1_for_the_reverse():
    task, encoder = make_task("permutation", time_patches=4, band_patches=1)
    ranks = torch.tensor([[1.0, 0.0, 1 / 3, 2 / 3]])
    shuffled = torch.zeros(1, 1, FRONTEND.bands, task.config.slice_frames(FRONTEND))
    for factor, tau, exact in ((2.0, 1.0, 1.0), (-2.0, -1.0, 0.0)):
        torch.nn.init.zeros_(task.score.weight)
        task.score.bias.data = factor * ranks[0]
        out = task(encoder, shuffled=shuffled, ranks=ranks, noise=ranks[:, None])
        assert (out["tau"].item(), out["exact"].item()) == pytest.approx((tau, exact))


def test_too_many_patches_are_refused():
    with pytest.raises(UserError, match=r"60 time patches .* do not fit into 96 frames"):
        make_task("permutation", time_patches=60)
    with pytest.raises(UserError, match="one patch has no order"):
        make_task("permutation", time_patches=1, band_patches=1)
