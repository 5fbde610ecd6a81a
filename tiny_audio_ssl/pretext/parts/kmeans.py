"""Lloyd's k-means, to fit codebooks before training; no centroid reproduces a single frame."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.errors import UserError

FRAMES_PER_CENTROID = 20  # at least, to fit centroids: those of a few frames are recorded sound
MEMBERS_PER_CENTROID = 5  # at least, to keep one
_FAR_AWAY = 1e6  # coordinates of a dropped centroid, which no frame is near to
_BATCH = 16_384  # frames whose distances are in memory at a time


@torch.no_grad()
def fit_centroids(frames: Tensor, count: int, rng: torch.Generator, rounds: int = 50) -> Tensor:
    """Return `count` centroids of frames [n, d], by k-means: [count, d], float32.

    Starts from k-means++ (Arthur, Vassilvitskii 2007). A centroid with fewer than 5 members is
    dropped, since it could reproduce one person's frame: it is moved far away from all frames, so
    that `nearest` never returns it.

    Raises `UserError` with fewer than 20 frames for each centroid.
    """
    if len(frames) < FRAMES_PER_CENTROID * count:
        raise UserError(
            f"{len(frames)} frames to fit {count} clusters to; expected {FRAMES_PER_CENTROID} or "
            "more for each. Give more recordings, or ask for fewer clusters (--pretext.clusters)"
        )
    middle = frames.mean(dim=0)  # distances are differences of products: small ones are exact
    centered = frames - middle
    found, members = lloyd(centered, spread_start(centered, count, rng), rounds)
    found[members < MEMBERS_PER_CENTROID] = _FAR_AWAY
    return found + middle


def lloyd(frames: Tensor, start: Tensor, rounds: int = 50) -> tuple[Tensor, Tensor]:
    """Move centroids [count, d] to the mean of the frames [n, d] nearest to them, until none moves.

    Returns the centroids, and the members of each [count]. One without members stays in its place.
    """
    centroids = start.clone()
    members = torch.zeros(len(start), dtype=torch.int64)
    for _ in range(rounds):
        ids = nearest(frames, centroids)
        members = torch.bincount(ids, minlength=len(centroids))
        total = torch.zeros_like(centroids).index_add_(0, ids, frames)
        means = total / members.clamp_min(1)[:, None]
        moved = torch.where(members[:, None] > 0, means, centroids)
        if torch.equal(moved, centroids):
            break
        centroids = moved
    return centroids, members


def spread_start(frames: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Draw `count` of the frames [n, d] to start from, each with a chance that grows with the
    squared distance to those drawn before."""
    chosen = frames[torch.randint(len(frames), (1,), generator=rng)]
    distance = squared_distances(frames, chosen)[:, 0].clamp_min(0)
    for _ in range(count - 1):
        chance = distance if distance.any() else torch.ones_like(distance)
        drawn = frames[torch.multinomial(chance, 1, generator=rng)]
        chosen = torch.cat([chosen, drawn])
        distance = torch.minimum(distance, squared_distances(frames, drawn)[:, 0].clamp_min(0))
    return chosen


def nearest(frames: Tensor, centroids: Tensor) -> Tensor:
    """[n, d] and [count, d] -> the number of the nearest centroid, int64 [n]; the first of equal
    ones."""
    parts = [
        squared_distances(part, centroids).argmin(dim=1) for part in torch.split(frames, _BATCH)
    ]
    return torch.cat(parts)


def squared_distances(vectors: Tensor, codes: Tensor) -> Tensor:
    """[..., d] and [entries, d] -> [..., entries], by products, which phones have kernels for."""
    products = vectors @ codes.T
    squares = (vectors * vectors).sum(dim=-1, keepdim=True)
    return squares - 2 * products + (codes * codes).sum(dim=1)
