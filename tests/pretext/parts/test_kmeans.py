"""k-means against scikit-learn, and what it refuses and drops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from tiny_audio_ssl import UserError
from tiny_audio_ssl.pretext.parts.kmeans import fit_centroids, lloyd, nearest, spread_start


def blobs(count: int, places: int, rng: torch.Generator) -> torch.Tensor:
    """Frames [count, 3] around so many places."""
    centers = 10 * torch.randn(places, 3, generator=rng)
    ids = torch.arange(count) % places
    return centers[ids] + torch.randn(count, 3, generator=rng)


def test_lloyd_equals_scikit_learn_from_the_same_start(rng):
    frames = blobs(600, 12, rng).double()
    start = spread_start(frames, 8, rng)
    found, members = lloyd(frames, start, rounds=300)
    theirs = KMeans(8, init=start.numpy(), n_init=1, max_iter=300, tol=0, algorithm="lloyd")
    theirs.fit(frames.numpy())
    np.testing.assert_allclose(found.numpy(), theirs.cluster_centers_, rtol=1e-9)
    assert members.tolist() == np.bincount(theirs.labels_).tolist()


def test_start_is_frames_far_apart(rng):
    frames = blobs(400, 8, rng).double()
    start = spread_start(frames, 8, rng)
    assert all(any(torch.equal(one, frame) for frame in frames) for one in start)
    assert len(set(nearest(frames[:8], start).tolist())) >= 6  # chance alone: 5


def test_no_centroid_is_of_few_frames(rng):
    frames = blobs(396, 3, rng)
    outliers = torch.tensor([[1e3, 0, 0], [0, 1e3, 0], [0, 0, 1e3]]).repeat_interleave(4, dim=0)
    everything = torch.cat([frames, outliers])
    found = fit_centroids(everything, 8, rng)
    assert found.shape == (8, 3) and found.dtype == torch.float32
    members = torch.bincount(nearest(everything, found), minlength=8)
    assert all(count == 0 or count >= 5 for count in members.tolist())
    kept = found[members > 0]
    assert kept.abs().max() < 1e3  # the three places of four frames each are gone
    assert torch.isfinite(found).all()


def test_too_few_frames_for_the_clusters(rng):
    with pytest.raises(UserError, match=r"99 frames to fit 5 clusters.*--pretext.clusters"):
        fit_centroids(torch.randn(99, 3, generator=rng), 5, rng)
