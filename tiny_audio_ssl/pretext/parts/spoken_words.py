"""Words of a clip as slices of one length, and a recurrent decoder that generates them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.parts import sampling


def to_frames(words: Tensor, frontend: FrontendConfig, frames: int) -> Tensor:
    """Turn first samples and ends of words into frames, int64 of the same shape.

    A frame belongs to a word if its center lies in it; each word has at least one of the clip's
    `frames`. Words of -1 stay so.
    """
    first_center = frontend.window // 2
    places = -((first_center - words) // frontend.hop)  # rounded up
    start = places[..., 0].clamp(0, frames - 1)
    end = torch.maximum(places[..., 1].clamp(max=frames), start + 1)
    found = torch.stack([start, end], dim=-1)
    return torch.where(words < 0, words, found)


def pieces(clips: int, frames: int, length: int, rng: torch.Generator) -> Tensor:
    """Cut clips of `frames` frames into pieces of `length`, from a random place on.

    Returns first frame and end of each piece, int64 [clips, frames // length, 2].
    """
    count = frames // length
    first = sampling.integers(0, frames - count * length, clips, rng)
    start = first[:, None] + length * torch.arange(count)
    return torch.stack([start, start + length], dim=2)


def neighborhoods(words: Tensor, context: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose a word of each clip, and take `context` words on either side of it.

    Args:
        words: first frame and end of each word, int64 [B, M, 2]; rows of -1 behind them.

    Returns:
        int64 [B, 2 context + 1, 2], with the chosen word in the middle and again in place of
        neighbors that are absent; and which are present, bool [B, 2 context + 1]. Of a clip with
        fewer than two words none is present.
    """
    count = (words[..., 0] >= 0).sum(dim=1, keepdim=True)
    chosen = (torch.rand(len(words), 1, generator=rng) * count).long()
    place = chosen + torch.arange(-context, context + 1)
    present = (place >= 0) & (place < count) & (count > 1)
    place = torch.where(present, place, chosen)
    return words.gather(1, place[..., None].expand(-1, -1, 2)), present


def stretched(logmel: Tensor, words: Tensor, frames: int) -> Tensor:
    """Stretch or squeeze words to `frames` frames by linear interpolation.

    Args:
        logmel: [B, 1, bands, T].
        words: first frame and end of each, int64 [B, n, 2]; -1 for none, which gives frame 0.

    Returns: [B, n, 1, bands, frames].
    """
    start, end = words.clamp_min(0).to(logmel.device).unbind(-1)
    length = (end - start).clamp_min(1)
    last = length[..., None] - 1
    share = (torch.arange(frames, dtype=logmel.dtype, device=logmel.device) + 0.5) / frames
    place = torch.minimum((length[..., None] * share - 0.5).clamp_min(0), last.to(share.dtype))
    before = place.floor().long()  # [B, n, frames]
    after = torch.minimum(before + 1, last)
    weight = (place - before).flatten(1)[:, None, None]
    first, second = (_at(logmel, (start[..., None] + i).flatten(1)) for i in (before, after))
    found = torch.lerp(first, second, weight)
    return found.reshape(*found.shape[:3], words.shape[1], frames).permute(0, 3, 1, 2, 4)


def _at(logmel: Tensor, places: Tensor) -> Tensor:
    """Return the frames at places [B, k]: [B, 1, bands, k]."""
    return logmel.gather(3, places[:, None, None].expand(-1, 1, logmel.shape[2], -1))


class SequenceDecoder(nn.Module):
    """A GRU that generates frames [n, frames, bands] from codes [n, code] and lengths [n].

    Code and length are its input at every step. Its previous frame is not an input, because it is a
    linear function of its state.
    """

    def __init__(self, code: int, hidden: int, bands: int) -> None:
        super().__init__()
        self.network = nn.GRU(code + 1, hidden, batch_first=True)
        self.write = nn.Linear(hidden, bands)

    def forward(self, codes: Tensor, seconds: Tensor, frames: int) -> Tensor:
        inputs = torch.cat([codes, seconds[:, None]], dim=1)
        states, _ = self.network(inputs[:, None].expand(-1, frames, -1))
        written: Tensor = self.write(states)
        return written
