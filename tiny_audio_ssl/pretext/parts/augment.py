"""Augmentations of log-mels, those of BYOL-A first: pure functions that take a generator.

Niizumi, Takeuchi, Ohishi, Harada, Kashino: "BYOL for Audio", IJCNN 2021, arXiv 2103.06695,
section III (mixup, resize crop, post-normalization) and arXiv 2204.07402, section III-B (linear
fader). All take normalized log-mels [B, 1, bands, T], draw for each clip on its own, and return the
same shape on the same device; `rng` is on the CPU.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tiny_audio_ssl.pretext.parts import sampling


def mixup(logmel: Tensor, rng: torch.Generator, largest: float = 0.2) -> Tensor:
    """Mix the energy of another clip into every clip as background: "log-mixup-exp".

    log((1 - a) exp(x) + a exp(background)), a uniform in 0..`largest` (0..1; 0.4 in the first
    paper, 0.2 in the second).

    The paper takes backgrounds from a memory of past clips; here they are other clips of the batch.
    The state of a task must not hold audio, and with a memory a resumed run would differ.
    """
    count = len(logmel)
    share = uniform(0, largest, count, rng).reshape(-1, 1, 1, 1).to(logmel.device)
    other = sampling.others(count, rng)  # a single clip is mixed with itself: nothing changes
    energy = logmel.exp()
    return energy.lerp(energy[other.to(logmel.device)], share).log()


def random_resize_crop(
    logmel: Tensor,
    rng: torch.Generator,
    smallest: float = 0.6,
    largest: float = 1.5,
    boundary: tuple[float, float] = (1.0, 1.5),
) -> Tensor:
    """Resize a random rectangle to the size of the input, which shifts and stretches pitch and
    time.

    Bands and frames of the rectangle are the input's times factors uniform in `smallest`..
    `largest`. It lies anywhere in a virtual boundary, `boundary` = (bands, frames) times the input
    (each at least 1), with the input in its middle and zeros (the mean) around it, and is no larger
    than that. Bicubic, corners aligned.
    """
    count, _, bands, frames = logmel.shape
    rows = _resize_crop(count, bands, boundary[0], smallest, largest, rng).to(logmel.device)
    columns = _resize_crop(count, frames, boundary[1], smallest, largest, rng).to(logmel.device)
    return rows.unsqueeze(1) @ logmel @ columns.transpose(1, 2).unsqueeze(1)


def random_area_crop(
    logmel: Tensor, rng: torch.Generator, smallest_area: float, largest_ratio: float = 4 / 3
) -> Tensor:
    """Cut a random rectangle out of the input and resize it to the size of the input.

    Its area is uniform in `smallest_area`..1 of the input's; the ratio of its width to its height,
    relative to the input's, is log-uniform in 1 / `largest_ratio`..`largest_ratio`. It lies
    anywhere within the input. Bicubic, corners aligned.
    """
    count, _, bands, frames = logmel.shape
    area = uniform(smallest_area, 1, count, rng)
    ratio = uniform(-math.log(largest_ratio), math.log(largest_ratio), count, rng).exp()
    height, width = (area / ratio).sqrt(), (area * ratio).sqrt()
    rows = _crop_matrix(bands, bands, height, rng).to(logmel.device)
    columns = _crop_matrix(frames, frames, width, rng).to(logmel.device)
    return rows.unsqueeze(1) @ logmel @ columns.transpose(1, 2).unsqueeze(1)


def random_linear_fader(logmel: Tensor, rng: torch.Generator, gain: float = 1.0) -> Tensor:
    """Add a straight line over time, both ends uniform in -`gain`..`gain`, to fade in and out."""
    count, frames = len(logmel), logmel.shape[3]
    first, last = uniform(-gain, gain, 2 * count, rng).reshape(2, -1, 1)
    line = torch.lerp(first, last, torch.linspace(0, 1, frames))
    return logmel + line[:, None, None, :].to(logmel.device)


def normalize(logmel: Tensor) -> Tensor:
    """Restore zero mean and unit variance over the whole batch after augmenting."""
    std = logmel.std().clamp_min(torch.finfo(logmel.dtype).eps)
    return (logmel - logmel.mean()) / std


def uniform(low: float, high: float, count: int, rng: torch.Generator) -> Tensor:
    """Draw `count` numbers uniformly from low..high."""
    return low + (high - low) * torch.rand(count, generator=rng)


def _resize_crop(
    count: int, size: int, boundary: float, smallest: float, largest: float, rng: torch.Generator
) -> Tensor:
    """Return a resampling matrix for each clip along one axis, with random lengths."""
    share = uniform(smallest, largest, count, rng)
    return _crop_matrix(size, int(size * boundary), share, rng)


def _crop_matrix(size: int, canvas: int, share: Tensor, rng: torch.Generator) -> Tensor:
    """Return a resampling matrix for each clip along one axis, [count, size, size].

    The crop has `share` [count] of the input's length. Each output is interpolated from four places
    of it, clamped to its ends. Places of the canvas outside of the input are zeros and have no
    column.
    """
    count = len(share)
    length = (share * size).long().clamp(1, canvas)
    start = (torch.rand(count, generator=rng) * (canvas - length + 1)).long()
    place = torch.linspace(0, 1, size) * (length[:, None] - 1)
    left = place.floor().long()
    taps = left[..., None] + torch.arange(-1, 3)
    weights = _cubic(place[..., None] - taps)
    taps = start[:, None, None] + torch.minimum(taps.clamp_min(0), length[:, None, None] - 1)
    matrix = torch.zeros(count, size, canvas).scatter_add_(2, taps, weights)
    margin = (canvas - size) // 2
    return matrix[:, :, margin : margin + size]


def _cubic(distance: Tensor, a: float = -0.75) -> Tensor:
    """Keys' cubic convolution kernel at -2..2, with the parameter of `torch.nn.functional`."""
    d = distance.abs()
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = a * (((d - 5) * d + 8) * d - 4)
    return torch.where(d <= 1, near, far)
