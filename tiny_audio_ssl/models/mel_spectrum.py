"""Waveform [B, N] -> power in each band [bands, B, frames], in two equivalent forms.

`FactoredMel` is the fast one: a Cooley-Tukey DFT as products of small constant matrices. `DenseMel`
is the definition, as one large matrix, for hops that the factors do not fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.frontend_config import FrontendConfig

MOST_STRANDS = 16  # 512 = 32 x 16; 16 x 32 is larger and slower (benchmarks/results/frontend.csv)
FEWEST_STRANDS = 8
MOST_HOPS = 8  # of a window; each is a slice of the signal
SAMPLES_AT_ONCE = 1 << 18  # of a batch in memory, so that it fits a CPU's cache
FRAMES_AT_ONCE = 1000  # of a clip longer than that
BANDS_AT_ONCE = 16  # neighbors see few bins; fewer at once: smaller weights, more operators


def mel_spectrum(config: FrontendConfig, filters: Tensor | None = None) -> nn.Module:
    """Return the faster form that suits these settings.

    Args:
        filters: the weights of each band [bands, fft_size / 2 + 1]; triangles on the scale of the
            bands if left out. A call may give others as its second argument, to learn them.

    Factored if the hop is a multiple of 8 samples and at least an eighth of the window (10 ms at
    16 kHz: 10 x 16 samples), else dense.
    """
    strands = math.gcd(config.hop, MOST_STRANDS)
    fits = strands >= FEWEST_STRANDS and 2 * strands <= config.fft_size
    if fits and config.window <= MOST_HOPS * config.hop:
        return FactoredMel(config, strands, filters)
    return DenseMel(config, filters)


class DenseMel(nn.Module):
    """The windowed transform and the mel filters as two convolutions with constant weights."""

    dft: Tensor
    filters: Tensor

    def __init__(self, config: FrontendConfig, filters: Tensor | None = None) -> None:
        super().__init__()
        self.hop = config.hop
        n, k = torch.arange(config.window), torch.arange(config.fft_size // 2 + 1)
        rows = rotations(k[:, None] * n, config.fft_size) * hann(config.window)
        # Made from the config, hence not stored; of their final shape, since a weight that is
        # sliced or transposed in the graph is not delegated.
        weights = torch.cat([rows.real, rows.imag]).float()[:, None, None, :].contiguous()
        self.register_buffer("dft", weights, persistent=False)
        filters = band_filters(config) if filters is None else filters
        self.register_buffer("filters", filters.float()[:, :, None, None], persistent=False)

    def forward(self, waveform: Tensor, filters: Tensor | None = None) -> Tensor:
        weights = self.filters if filters is None else filters[:, :, None, None]
        spectrum = F.conv2d(waveform[:, None, None, :], self.dft, stride=(1, self.hop))
        real, imaginary = spectrum.chunk(2, dim=1)
        power = real * real + imaginary * imaginary
        return F.conv2d(power, weights).flatten(2).transpose(0, 1)


class FactoredMel(nn.Module):
    """The transform in two factors (Cooley and Tukey 1965): a sixth of the multiply-adds, a tenth
    of the weights.

    Sample n of a frame is number i of strand r, n = D i + r, and bin k is P b + a, where D is
    `strands` and P D the transform's size. With w_M = exp(-2 pi j / M):

        X[P b + a] = sum_r w_D^(b r)  sum_i w_PD^(a (D i + r)) hann[D i + r] x[D i + r]

    Window and twiddle factors are part of the weights of the inner sum, of which each strand has
    its own. They are computed from small tables at run time: an artifact is 44 kB smaller, and this
    part takes a little longer in ExecuTorch (ONNX Runtime computes them when it loads). The signal
    is real, so a = 0 .. P / 2 is enough, and one of the bins k and P D - k, equal in power, is
    used. Bins are sorted into groups of P neighbors, so that each band is a product with few.

    Frames are the last dimension everywhere, so that no product waits for a transposition.
    """

    real: Tensor
    imaginary: Tensor
    twiddle: Tensor
    turned_twiddle: Tensor
    window: Tensor
    second: Tensor

    def __init__(self, config: FrontendConfig, strands: int, filters: Tensor | None = None) -> None:
        super().__init__()
        filters = band_filters(config) if filters is None else filters
        self.config, self.strands = config, strands
        self.points = config.fft_size // strands
        self.length = -(-config.window // strands)  # samples of a strand in a frame
        for name, values in (self._inner_tables() | {"second": self._second()}).items():
            self.register_buffer(name, values.float().contiguous(), persistent=False)
        self.rows: list[tuple[int, int]] = []  # of the spectrum, that `mel0`, `mel1` ... take
        for index, weights in enumerate(torch.split(self._sorted(filters), BANDS_AT_ONCE)):
            seen = weights.sum(dim=0).nonzero().flatten().tolist() or [0]
            self.rows.append((seen[0], seen[-1] + 1))
            product = weights[None, :, seen[0] : seen[-1] + 1].float().contiguous()
            self.register_buffer(f"mel{index}", product, persistent=False)

    def forward(self, waveform: Tensor, filters: Tensor | None = None) -> Tensor:
        learned = None if filters is None else self._sorted(filters)[None]
        if torch.compiler.is_exporting() or not waveform.is_cpu:
            return self._transformed(waveform, learned)
        if waveform.shape[1] > SAMPLES_AT_ONCE:
            blocks = [self._transformed(part, learned) for part in self._blocks(waveform)]
            return torch.cat(blocks, dim=2)
        parts = torch.split(waveform, SAMPLES_AT_ONCE // waveform.shape[1])
        return torch.cat([self._transformed(part, learned) for part in parts], dim=1)

    def _blocks(self, waveform: Tensor) -> Iterator[Tensor]:
        """Yield the samples [B, n] of blocks of neighboring frames, nearly equal in number."""
        frames, hop = self.config.frames(waveform.shape[1]), self.config.hop
        count = -(-frames // FRAMES_AT_ONCE)
        edges = [frames * block // count for block in range(count + 1)]
        for first, end in pairwise(edges):
            yield waveform[:, first * hop : (end - 1) * hop + self.config.window]

    def _transformed(self, waveform: Tensor, learned: Tensor | None) -> Tensor:
        frames = self.config.frames(waveform.shape[1])
        return self._of_frames(self._framed(waveform, frames), frames, learned)

    def _of_frames(self, framed: Tensor, frames: int, learned: Tensor | None = None) -> Tensor:
        """[strands, length, B * frames] -> [bands, B, frames]"""
        inner = torch.bmm(self.inner_weights(), framed)
        spectrum = torch.bmm(self.second, inner.reshape(1, 2 * self.strands, -1))
        real, imaginary = (spectrum * spectrum).chunk(2, dim=1)
        power = (real + imaginary).reshape(1, -1, inner.shape[2])
        if learned is not None:
            return torch.bmm(learned, power).reshape(len(learned[0]), -1, frames)
        mel = [
            torch.bmm(getattr(self, f"mel{index}"), power[:, begin:end])
            for index, (begin, end) in enumerate(self.rows)
        ]
        return torch.cat(mel, dim=1).reshape(self.config.bands, -1, frames)

    def _framed(self, waveform: Tensor, frames: int) -> Tensor:
        """[B, N] -> [strands, length, B * frames]"""
        hop, of_strand = self.config.hop, self.config.hop // self.strands
        in_window = -(-self.length // of_strand)
        hops = frames - 1 + in_window
        # Two steps of two axes: ONNX Runtime is slower to turn all axes at once.
        most_missing = in_window * hop - self.config.window
        whole = _of_length(waveform, hops * hop, most_missing)
        columns = whole.reshape(-1, hop).transpose(0, 1)
        parts = columns.reshape(of_strand, self.strands, -1, hops).transpose(0, 1)
        starts = range(0, self.length, of_strand)
        windows = [
            parts[:, : self.length - start, :, index : index + frames]
            for index, start in enumerate(starts)
        ]
        return torch.cat(windows, dim=1).flatten(2)

    def inner_weights(self) -> Tensor:
        """Return the weights of the inner sums: [strands, (real or imaginary, a), length]."""
        turns = self.twiddle * self.real + self.turned_twiddle * self.imaginary
        return (turns * self.window).flatten(1, 2)

    def _inner_tables(self) -> dict[str, Tensor]:
        """Return the factors of `inner_weights`: [r, part, a, i], or 1 in a dimension."""
        a, i, r = (torch.arange(n) for n in (self.points // 2 + 1, self.length, self.strands))
        inner = rotations(a[:, None] * i, self.points)[None, None]
        twiddle = rotations(r[:, None] * a, self.config.fft_size)
        missing = self.length * self.strands - self.config.window
        window = F.pad(hann(self.config.window), (0, missing)).reshape(self.length, self.strands)
        return {
            "real": inner.real,
            "imaginary": inner.imag,
            "twiddle": torch.stack([twiddle.real, twiddle.imag], dim=1)[..., None],
            "turned_twiddle": torch.stack([-twiddle.imag, twiddle.real], dim=1)[..., None],
            "window": window.T[:, None, None, :],
        }

    def _second(self) -> Tensor:
        """[1, (real or imaginary, b), (r, real or imaginary)]"""
        turns = rotations(
            self._order().flatten()[:, None] * torch.arange(self.strands), self.strands
        )
        real = torch.stack([turns.real, -turns.imag], dim=2)
        imaginary = torch.stack([turns.imag, turns.real], dim=2)
        return torch.cat([real, imaginary]).flatten(1)[None]

    def _order(self) -> Tensor:
        """[group, 2]: the two b whose bins, the second's mirrored, are P g .. P (g + 1)."""
        g = torch.arange(self.strands // 2)
        return torch.stack([g, self.strands - 1 - g], dim=1)

    def _sorted(self, filters: Tensor) -> Tensor:
        """[bands, bins] -> [bands, (group, 2, a)]: the weights, each bin's in one place."""
        a = torch.arange(self.points // 2 + 1)
        bins = self.points * self._order()[:, :, None] + a  # [group, 2, a]
        mirrored = torch.tensor([False, True])[:, None]
        bins = torch.where(mirrored, self.config.fft_size - bins, bins)
        # A mirrored a = 0 is the next group's first bin, and a = P / 2 is in the group already.
        again = mirrored & ((a == 0) | (a == self.points // 2))
        once = (~again).to(filters.device)
        return (filters[:, bins.to(filters.device)] * once).flatten(1)


def _of_length(waveform: Tensor, samples: int, most_missing: int) -> Tensor:
    """[B, N] -> [B, samples].

    An operation that changes nothing is left out: the exporter would keep it as an operator that no
    delegate takes.
    """
    missing = samples - waveform.shape[1]
    if not isinstance(missing, int):  # a graph for any length
        return F.pad(waveform, (0, most_missing))[:, :samples]
    if missing > 0:
        return F.pad(waveform, (0, missing))
    return waveform[:, :samples] if missing else waveform


def band_filters(config: FrontendConfig) -> Tensor:
    """Triangles with peak 1 on the scale of the bands: [bands, fft_size / 2 + 1], float64.

    On the logarithmic scale, no triangle is narrower than from one bin of the transform to the
    next: a lower band is interpolated between two bins.
    """
    edges = band_edges(config)
    if config.scale == "log":
        bin_hz = config.sample_rate_hz / config.fft_size
        low = torch.minimum(edges[:-2], edges[1:-1] - bin_hz)
        return _triangles(config, low, edges[1:-1], torch.maximum(edges[2:], edges[1:-1] + bin_hz))
    return _triangles(config, edges[:-2], edges[1:-1], edges[2:])


def _triangles(config: FrontendConfig, low: Tensor, peak: Tensor, high: Tensor) -> Tensor:
    bins = torch.linspace(
        0, config.sample_rate_hz / 2, config.fft_size // 2 + 1, dtype=torch.float64
    )
    rising = (bins - low[:, None]) / (peak - low)[:, None]
    falling = (high[:, None] - bins) / (high - peak)[:, None]
    return torch.minimum(rising, falling).clamp_min(0)


def band_edges(config: FrontendConfig) -> Tensor:
    """Return where bands begin, peak and end in Hz, each at its neighbor's peak: [bands + 2].

    Equal distances on the HTK mel scale or on a logarithmic one, as `config.scale` says.
    """
    if config.scale == "log":
        low, high = math.log2(config.min_hz), math.log2(config.max_hz)
        octaves = torch.linspace(low, high, config.bands + 2, dtype=torch.float64)
        return octaves.exp2()
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (config.min_hz, config.max_hz))
    mel = torch.linspace(low, high, config.bands + 2, dtype=torch.float64)
    edges: Tensor = 700 * (10 ** (mel / 2595) - 1)
    return edges


def hann(window: int) -> Tensor:
    return torch.hann_window(window, periodic=True, dtype=torch.float64)


def rotations(steps: Tensor, size: int) -> Tensor:
    """e^{-2 pi j steps / size}, complex128."""
    angle = -2 * math.pi * (steps % size).double() / size
    return torch.polar(torch.ones_like(angle), angle)
