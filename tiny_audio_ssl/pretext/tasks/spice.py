"""SPICE: pitch, learned from how far a spectrum with logarithmic frequencies was shifted."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.data.batches import Batch
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel, log_of
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.models.mel_spectrum import mel_spectrum
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.spice import SpiceConfig
from tiny_audio_ssl.pretext.parts import sampling
from tiny_audio_ssl.pretext.parts.pitch import PitchHead, pitch_product
from tiny_audio_ssl.pretext.product import Product

HUBER = 0.25  # where its square ends, in the change of y by one band


class Spice(Pretext):
    """Two slices of one spectrum, k1 and k2 bands above its lowest, get pitches y1 and y2 in 0..1.

    With s, the change of y by one band, e = |(y1 - y2) - s (k2 - k1)|, and the loss is

        10^5 Huber(e, 0.25 s) + sum over both of |decoded(y) - slice|^2 + |(1 - c) - e / s|^2

    where the second term is a mean over bands and frames: with a sum, it outweighs the first one,
    and no pitch was learned in 100 steps. A slice that begins k bands higher has its pitch k bands
    lower. The decoder, which gets nothing but y, keeps y from being any function that rises. The
    confidence c of each slice is learned on the encoder as it is: its gradient and that of its
    target stop there. One normalization of all bands keeps shifts what they are.

    The paper has a constant-Q transform, with windows as long as each frequency needs; here all
    frequencies share a window of 128 ms, which blurs the harmonics of voices below 80 Hz. The paper
    trains on some fifteen times as many slices. What was learned here is far less accurate than
    YIN and CREPE: y changes less than the pitch, since the envelope of a spectrum shows the shift,
    too. More steps with the encoder `dense`, a higher learning rate, a weaker decoder and a random
    equalizer on each view did not help.
    """

    paper = "Gfeller, Frank, Roblek, Sharifi, Tagliasacchi, Velimirovic 2020, arXiv 1910.11664"
    takes = "wav"

    Config = SpiceConfig

    def __init__(self, config: SpiceConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.shape = (1, frontend.bands, config.slice_frames(frontend))
        self.spectrum = mel_spectrum(with_more_bands(frontend, config.largest_shift_bands))
        self.head = PitchHead(encoder.feature_dim)
        self.decoder = nn.Sequential(
            nn.Linear(1, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, math.prod(self.shape)),
        )

    def inputs(self, frontend: LogMel, clips: Batch, rng: torch.Generator) -> Inputs:
        """Let `draw` normalize its spectrum, which has more bands, as the front-end does."""
        assert isinstance(clips, Tensor)  # the task has no columns and prepares nothing
        return self.draw(clips, rng, frontend.mean[0], frontend.inverse_std[0])

    def draw(
        self,
        clips: Tensor,
        rng: torch.Generator,
        mean: Tensor | float = 0.0,
        inverse_std: Tensor | float = 1.0,
    ) -> Inputs:
        """Cut slices at random times of each clip, each twice, from random bands on.

        Returns "first" and "second", [n, 1, bands, frames], normalized as (log power - mean) x
        inverse_std, and "shift" [n], by how many bands the second begins higher.
        """
        _, bands, frames = self.shape
        power = self.spectrum(clips).transpose(0, 1).repeat_interleave(self.config.slices, 0)
        logs = (log_of(sampling.random_cut(power, frames, rng)) - mean) * inverse_std
        largest = self.config.largest_shift_bands
        first, second = sampling.integers(0, largest, 2 * len(logs), rng).chunk(2)
        views = [
            sampling.cut(logs.transpose(1, 2), start, bands).transpose(1, 2).unsqueeze(1)
            for start in (first, second)
        ]
        shift = (second - first).to(clips.device, clips.dtype)
        return {"first": views[0], "second": views[1], "shift": shift}

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        slices = torch.cat([inputs["first"], inputs["second"]]).float()
        # Also in mixed precision: neighboring numbers of 16 bits are half a band apart.
        with torch.autocast(slices.device.type, enabled=False):
            embedding = encoder(slices)
            losses = self._losses(embedding, slices, inputs["shift"])
        return {**losses, "embedding": embedding}

    def _losses(self, embedding: Tensor, slices: Tensor, shift: Tensor) -> dict[str, Tensor]:
        pitch, confidence = self.head(embedding, embedding.detach())
        first, second = pitch.chunk(2)
        band = 1 / self.frontend.bands
        error = (first - second - band * shift).abs()
        of_pitch = F.huber_loss(error, torch.zeros_like(error), delta=HUBER * band)
        decoded = self.decoder(pitch[:, None]).reshape(slices.shape)
        of_decoder = 2 * F.mse_loss(decoded, slices)  # of both
        unsure = 1 - confidence - (error.detach() / band).repeat(2)
        config = self.config
        return {
            "loss": config.pitch_weight * of_pitch
            + config.reconstruction_weight * of_decoder
            + 2 * unsure.square().mean(),
            "error_bands": error.detach().mean() / band,
        }

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        return pitch_product(self.head, self.config, frontend, encoder)


def with_more_bands(frontend: FrontendConfig, more: int) -> FrontendConfig:
    """Return a front-end with `more` bands above those of `frontend`, at the same distances.

    Raises `UserError` unless its scale is logarithmic and its normalization the same for all bands,
    or if the highest band would end above half of the sample rate.
    """
    if frontend.scale != "log" or frontend.normalize != "all":
        raise UserError(
            "spice needs a spectrum that shifts with the pitch; give --frontend.scale log and "
            "--frontend.normalize all, or leave out all options that begin with --frontend (it was "
            f"given {frontend.scale} and {frontend.normalize})"
        )
    octaves = math.log2(frontend.max_hz / frontend.min_hz) / (frontend.bands + 1)
    highest_hz = frontend.max_hz * 2 ** (more * octaves)
    if highest_hz > frontend.sample_rate_hz / 2:
        raise UserError(
            f"spice: {more} bands above {frontend.max_hz:g} Hz end at {highest_hz:.0f} Hz, above "
            "half of the sample rate; lower --frontend.max-hz or --pretext.largest-shift-bands"
        )
    return replace(frontend, bands=frontend.bands + more, max_hz=highest_hz)
