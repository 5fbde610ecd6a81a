"""WindowReadout: the embedding of a window from summaries of its packets, pooled online.

Equal to the encoder's own pooling and `Readout` on the whole window, up to float rounding.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.bodies import never_negative
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.pooling import deviation, moments

MEL_AVERAGED = ("mel", "variance", "change", "edge", "final")  # of a packet, a value each band
_ABSENT = 1e9  # more than any log-mel or feature


class WindowReadout(nn.Module):
    """The embedding of a window from summaries of its packets: `Readout`, pooled online.

    A summary begins with 1, to tell a packet from the zeros that a stream starts with. What is
    averaged over a window's packets follows, then what is the largest of them. Where a packet has a
    single column, its last map is both, and is there once: the last of what is averaged.
    """

    def __init__(self, encoder: Encoder, bands: int, packet_frames: int) -> None:
        super().__init__()
        self.packet_frames = packet_frames
        self.readout, self.parts = encoder.readout, encoder.readout.parts
        self.global_max = encoder.config.pooling == "max"
        self.attention = encoder.attention
        self.project = encoder.project
        with torch.no_grad():
            logmel = torch.zeros(1, 1, bands, packet_frames)
            middle, last = encoder.maps(logmel)
            averaged, largest = self._of_maps(middle, last)
        if "mel" in self.parts:
            band_values = logmel[:, 0, :, 0]
            averaged = dict.fromkeys(MEL_AVERAGED, band_values) | averaged
            largest["mel"] = band_values
        self.averaged = {name: part.shape[1] for name, part in averaged.items()}
        self.largest = {name: part.shape[1] for name, part in largest.items()}
        self.size = 1 + sum(self.averaged.values()) + sum(self.largest.values())
        if "last" in self.averaged and last.shape[3] == 1 and self.attention is None:
            self.largest = {"last": self.averaged["last"]} | self.largest
        # The zeros of a packet that is not there are no larger than what is never negative.
        self.masks_absent = bool(set(self.largest) - {"last"}) or not never_negative(encoder.body)

    def summary(self, logmel: Tensor, middle: Tensor, last: Tensor, before: Tensor) -> Tensor:
        """Summarize a packet for its window: [B, 1, size]; `before`: the summary before it."""
        averaged, largest = self._of_maps(middle, last)
        if "mel" in self.parts:
            averaged = self._of_logmel(logmel, before) | averaged
            largest["mel"] = logmel.amax(dim=3).flatten(1)
        known = _joined([*averaged.values(), *largest.values()])
        return F.pad(known, (1, 0), value=1.0).unsqueeze(1)

    def _of_maps(self, middle: Tensor, last: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return, by name, values [B, n] that a window averages, and those that it maximizes."""
        averaged: dict[str, Tensor] = {}
        largest: dict[str, Tensor] = {}
        if "middle" in self.parts:
            averaged["middle"] = middle.mean(dim=3).flatten(1)
        if "last" in self.parts and self.global_max:
            largest["last"] = last.amax(dim=(2, 3))
        elif "last" in self.parts and self.attention is not None:
            averaged["last"], averaged["last variance"], scores = self.attention.moments(last)
            largest["weight"] = _log_sum_exp(scores.unsqueeze(2))
        elif "last" in self.parts and last.shape[3] == 1:
            averaged["last"] = last.flatten(1)
        elif "last" in self.parts:
            averaged["last"] = last.mean(dim=3).flatten(1)
            largest["last"] = last.amax(dim=3).flatten(1)
        return averaged, largest

    def _of_logmel(self, logmel: Tensor, before: Tensor) -> dict[str, Tensor]:
        mean = logmel.mean(dim=3)
        deviation = logmel - mean.unsqueeze(3)
        change = (logmel[..., 1:] - logmel[..., :-1]).abs().mean(dim=3).flatten(1)
        # From the packet before; nothing where there was none.
        edge = (logmel[..., 0].flatten(1) - self._part(before, "final")).abs() * before[:, :1]
        averaged = {
            "mel": mean.flatten(1),
            "variance": (deviation * deviation).mean(dim=3).flatten(1),
            "change": change * (self.packet_frames - 1.0) + edge,  # summed, not averaged
            "edge": edge,
            "final": logmel[..., -1].flatten(1),
        }
        return {name: averaged[name] for name in MEL_AVERAGED}

    def forward(self, summaries: Tensor) -> tuple[Tensor, Tensor]:
        """[B, packets, size] -> embedding [B, D], and of how many packets it is [B, 1]."""
        present = summaries[..., :1]
        sums = self.sums(summaries, present)
        heard = sums[:, :1]
        means = sums / heard
        mean = {name: self._part(means, name) for name in self.averaged}
        known = self._maximized(summaries, present)
        largest = _named(self.largest, known.amax(dim=1)) if self.largest else {}
        found: list[Tensor] = []
        for part in self.parts:
            if part == "last" and self.attention is not None:
                weights = _named(self.largest, known)["weight"].flatten(1).softmax(dim=1)
                found.append(self.project(self._attended(summaries, weights)))
            elif part == "last":
                pooled = [group["last"] for group in (mean, largest) if "last" in group]
                plain = isinstance(self.project, nn.Identity)
                found += pooled if plain else [self.project(_joined(pooled))]
            elif part == "middle":
                found.append(self.readout.middle_part(mean["middle"]))
            else:
                # Variance within packets, and that of their means around the window's
                # (Chan, Golub and LeVeque, 1979, equation 2.1).
                deviation = (self._part(summaries, "mel") - mean["mel"].unsqueeze(1)) * present
                variance = mean["variance"] + (deviation * deviation).sum(dim=1) / heard
                # The oldest packet's first frame has no neighbor in the window.
                change = mean["change"] * heard - self._part(summaries[:, 0], "edge")
                change = change / (heard * float(self.packet_frames) - 1.0)
                statistics = torch.cat(
                    [mean["mel"], variance.sqrt(), largest["mel"], change], dim=1
                )
                found.append(self.readout.mel_dct(statistics))
        return _joined(found), heard

    def sums(self, summaries: Tensor, present: Tensor) -> Tensor:
        """[B, packets, size] -> sums over the packets [B, size], as one product."""
        summed = torch.bmm(present.reshape(-1, 1, summaries.shape[1]), summaries)
        return summed.reshape(-1, self.size)

    def _attended(self, summaries: Tensor, weights: Tensor) -> Tensor:
        """Pool the packets' weighted means and variances: softmax in softmax, so that each column
        has the weight that it has in one over the window."""
        means, variances = (self._part(summaries, name) for name in ("last", "last variance"))
        mean, variance = moments(means, weights, variances)
        return torch.cat([mean, deviation(variance)], dim=1)

    def _maximized(self, summaries: Tensor, present: Tensor) -> Tensor:
        """Return what is maximized over the packets of summaries [B, packets, size]."""
        known = summaries[..., self.size - sum(self.largest.values()) :]
        return known + (present * _ABSENT - _ABSENT) if self.masks_absent else known

    def _part(self, summaries: Tensor, name: str) -> Tensor:
        """Return the averaged values [..., n] of this name in summaries [..., size]."""
        begin = 1
        for other, size in self.averaged.items():
            if other == name:
                break
            begin += size
        return summaries[..., begin : begin + self.averaged[name]]


def _log_sum_exp(scores: Tensor) -> Tensor:
    """[B, T, 1] -> [B, 1], of operators that XNNPACK takes."""
    largest = scores.amax(dim=1)
    return largest + (scores - largest.unsqueeze(1)).exp().sum(dim=1).log()


def _joined(parts: list[Tensor]) -> Tensor:
    """Concatenate parts [B, n]; XNNPACK takes no concatenation of one."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _named(sizes: dict[str, int], joined: Tensor) -> dict[str, Tensor]:
    """Split the last dimension into named parts of these sizes.

    A single part is the whole: the exporter would keep a slice that changes nothing as an operator
    that no delegate takes.
    """
    if len(sizes) == 1:
        return dict.fromkeys(sizes, joined)
    ends = accumulate(sizes.values())
    spans = zip(sizes.items(), ends, strict=True)
    return {name: joined[..., end - size : end] for (name, size), end in spans}
