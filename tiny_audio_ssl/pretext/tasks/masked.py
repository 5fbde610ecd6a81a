"""Mockingjay, Audio ALBERT and TERA: reconstruct the log-mel where it was altered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.masked import MaskedConfig, TeraConfig
from tiny_audio_ssl.pretext.parts import sampling
from tiny_audio_ssl.pretext.parts.context import Transformer
from tiny_audio_ssl.pretext.parts.interpolation import interpolated
from tiny_audio_ssl.pretext.parts.steps import Steps, spans


class Mockingjay(Steps):
    """Alter spans of frames, and reconstruct them from all steps by a transformer; L1 loss.

    A span is zeroed (every band's mean), replaced by other frames, or kept, by one random number
    per clip. The log-mel is altered before it is cut into slices, which overlap. A step
    reconstructs the frames in the middle of its slice, one hop of them. The paper keeps the
    transformer; what ships here is the encoder. In the log, `hidden/...` are errors at zeroed
    places alone, the task's and those of two guesses that learn nothing.

    After 250 training steps, Mockingjay and TERA had smaller errors than the bands' means, but
    larger ones than linear interpolation.
    """

    paper = "Liu, Yang, Chi, Hsu, Lee 2019 (Mockingjay), arXiv 1910.12638"
    hides = "frames"
    shared: ClassVar[bool] = False

    Config = MaskedConfig

    def __init__(self, config: MaskedConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        size, bands = config.size, frontend.bands
        self.network = Transformer(size, config.layers, shared=self.shared)
        self.head = nn.Sequential(
            nn.Linear(size, size), nn.GELU(), nn.LayerNorm(size),
            nn.Linear(size, bands * self.hop_frames),
        )  # fmt: skip
        first = (self.slice_frames - self.hop_frames) // 2
        self.reconstructed = slice(first, first + config.steps * self.hop_frames)  # frames

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Draw "target", "altered", and "counts": the altered places, all [B, 1, bands, frames]."""
        target = self.crop(clips, rng)
        altered, counts = self.alter(target, rng)
        return {"altered": altered, "target": target, "counts": counts}

    def alter(self, target: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the log-mel with altered spans of frames, and where it is altered."""
        config, (count, _, _, frames) = self.config, target.shape
        starts = config.share / config.span_frames
        chosen = spans(count, frames, starts, config.span_frames, rng).to(target.device)
        die = torch.rand(count, generator=rng).to(target.device)
        shift = sampling.integers(1, frames - 1, count, rng).to(target.device)
        altered = altered_in_time(target, chosen, die, shift, config.zeroed, config.replaced)
        return altered, chosen[:, None, None].expand_as(target)

    def reconstruct(self, encoder: Encoder, altered: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings [n, D], and the log-mel [B, 1, bands, steps * hop]."""
        embedding = self.encode(encoder, altered)
        frames = self.head(self.network(self.project(embedding)))  # [B, steps, bands * hop]
        frames = frames.unflatten(2, (self.frontend.bands, -1)).transpose(1, 2)
        return embedding.flatten(0, 1), frames.flatten(2).unsqueeze(1)

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        altered, target, counts = (inputs[name] for name in ("altered", "target", "counts"))
        embedding, found = self.reconstruct(encoder, altered)
        with torch.no_grad():
            hidden = counts & (altered == 0)
            guesses = {"-of-mean": target * 0, "-of-interpolation": interpolated(target, hidden)}
            guesses = {name: guess[..., self.reconstructed] for name, guess in guesses.items()}
        target, counts, hidden = (x[..., self.reconstructed] for x in (target, counts, hidden))
        counted = counts if self.config.loss_on == "altered" else torch.ones_like(counts)
        errors = {"": found.detach(), **guesses}
        return {
            "loss": mean_error(found, target, counted),
            "embedding": embedding,
            **{f"hidden/error{name}": mean_error(x, target, hidden) for name, x in errors.items()},
        }

    def predictions(self, encoder: Encoder, **inputs: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        _, found = self.reconstruct(encoder, inputs["altered"])
        hidden = inputs["counts"] & (inputs["altered"] == 0)
        places = hidden[..., self.reconstructed]
        return [(found[places], inputs["target"][..., self.reconstructed][places])]


class AudioAlbert(Mockingjay):
    """Mockingjay with one layer of the transformer, applied several times.

    The paper's point is a smaller model to ship. Here, the transformer is discarded in any case.
    """

    paper = "Chi, Chung, Wu, Hsieh, Chen, Li, Lee 2020 (Audio ALBERT), arXiv 2005.08575"
    shared = True


class Tera(Mockingjay):
    """Alter spans of frames, a block of bands, and all values by noise, each independently.

    The loss counts the altered frames and bands.
    """

    paper = "Liu, Li, Lee 2020 (TERA), arXiv 2007.06028"

    Config = TeraConfig

    def alter(self, target: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        config, (count, _, bands, _) = self.config, target.shape
        noise = config.noise_deviation * torch.randn(target.shape, generator=rng)
        noisy = (torch.rand(count, generator=rng) < config.noisy)[:, None, None, None]
        altered, counts = super().alter(target + (noise * noisy).to(target.device), rng)
        widest = round(config.widest_band * bands)
        block = sampling.stripes(count, bands, 0, widest, rng)
        block = block[:, None, :, None].to(target.device)
        return altered.masked_fill(block, 0), counts | block


def altered_in_time(
    logmel: Tensor, chosen: Tensor, die: Tensor, shift: Tensor, zeroed: float, replaced: float
) -> Tensor:
    """Alter the chosen frames [B, frames] of each clip by its `die`, uniform in 0..1.

    Below `zeroed` they become 0; in the next share, `replaced`, the frames `shift` [B] later, as if
    the clip were a circle; otherwise they are kept.
    """
    place = torch.arange(logmel.shape[3], device=logmel.device)
    later = ((place + shift[:, None]) % logmel.shape[3])[:, None, None].expand_as(logmel)
    zero, other = die < zeroed, (die >= zeroed) & (die < zeroed + replaced)
    chosen = chosen[:, None, None]
    changed = logmel.masked_fill(chosen & zero[:, None, None, None], 0)
    return torch.where(chosen & other[:, None, None, None], logmel.gather(3, later), changed)


def mean_error(found: Tensor, target: Tensor, places: Tensor) -> Tensor:
    """Return the mean absolute error at the marked places; 0 if there are none."""
    return ((found - target).abs() * places).sum() / places.sum().clamp_min(1)
