"""Multi-format contrast: match a log-mel with the waveform of the same recording."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoder_config import EncoderConfig, Norm
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import MIN_STD, LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.multi_format import MultiFormatConfig
from tiny_audio_ssl.pretext.parts import contrast, distort, sampling
from tiny_audio_ssl.pretext.parts.augment import uniform
from tiny_audio_ssl.pretext.parts.heads import normalization

CHANNELS = (1, 32, 32, 48, 64, 96)
KERNELS_AND_STRIDES = ((40, 10), (8, 4), (8, 4), (4, 2), (4, 2))
SNR_RANGE_DB = 20.0


class MultiFormat(Pretext):
    """Half the sum of InfoNCE from waveforms to log-mels and back, the batch as negatives.

    The encoder hears the log-mel of one slice of each clip; a second network, of one-dimensional
    convolutions, hears the waveform of another slice of it and is discarded after training. An
    encoder that learns its filters hears the waveform itself; then the second network hears the
    log-mel. Both are projected by a linear layer each and compared by cosine. Slices may overlap,
    and each is augmented on its own: another clip is mixed into it, and its level changes.
    """

    paper = "Wang, van den Oord 2021, arXiv 2103.06508, section 2"
    takes = "wav"

    min_clips = 2

    Config = MultiFormatConfig

    def __init__(
        self, config: MultiFormatConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        norm, size = encoder.config.norm, config.projection
        self.hears_waveforms = encoder.frontend.is_learned
        if self.hears_waveforms:
            self.logmel_network = LogMelNetwork(frontend, norm)
            self.of_waveform = nn.Linear(encoder.feature_dim, size)
            self.of_logmel = nn.Linear(self.logmel_network.dim, size)
        else:
            self.waveform_network = WaveformNetwork(norm)
            self.of_waveform = nn.Linear(self.waveform_network.dim, size)
            self.of_logmel = nn.Linear(encoder.feature_dim, size)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Cut and augment two slices of each clip: "wav", which the encoder hears, and "raw"."""
        return {"wav": self._slice(clips, rng), "raw": self._slice(clips, rng)}

    def _slice(self, clips: Tensor, rng: torch.Generator) -> Tensor:
        config, count = self.config, len(clips)
        samples = self.frontend.samples(config.slice_frames(self.frontend))
        slices = sampling.random_cut(clips, samples, rng)
        snr_db = config.min_snr_db + uniform(0, SNR_RANGE_DB, count, rng)
        mixed = distort.add_noise(slices, distort.other_clips(slices, rng), snr_db)
        mixes = (torch.rand(count, generator=rng) < config.mix).to(clips.device)[:, None]
        gain_db = uniform(-config.gain_db, config.gain_db, count, rng)
        return distort.change_gain(torch.where(mixes, mixed, slices), gain_db)

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["logmel"])
        if self.hears_waveforms:
            of_waveform = self.of_waveform(embedding)
            of_logmel = self.of_logmel(self.logmel_network(inputs["raw"]))
        else:
            of_waveform = self.of_waveform(self.waveform_network(inputs["raw"]))
            of_logmel = self.of_logmel(embedding)
        scores = contrast.cosines(of_waveform, of_logmel) / self.config.temperature
        loss = (contrast.info_nce(scores) + contrast.info_nce(scores.T)) / 2
        return {"loss": loss, "embedding": embedding, "accuracy": contrast.accuracy(scores)}


class WaveformNetwork(nn.Module):
    """Five strided convolutions over a waveform [B, samples]; mean and maximum over time."""

    def __init__(self, norm: Norm) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for (inputs, outputs), (kernel, stride) in zip(
            pairwise(CHANNELS), KERNELS_AND_STRIDES, strict=True
        ):
            convolution = nn.Conv1d(
                inputs, outputs, kernel, stride, padding=kernel // 2, bias=False
            )
            layers += [convolution, normalization(outputs, norm), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.dim = 2 * CHANNELS[-1]

    def forward(self, waveform: Tensor) -> Tensor:
        """Return one vector for each waveform: [B, dim]."""
        maps = self.layers(waveform.unsqueeze(1))
        return torch.cat([maps.mean(dim=2), maps.amax(dim=2)], dim=1)


class LogMelNetwork(nn.Module):
    """The encoder `mobile` over the log-mel of a waveform [B, samples], each clip standardized."""

    def __init__(self, frontend: FrontendConfig, norm: Norm) -> None:
        super().__init__()
        self.encoder = Encoder(EncoderConfig("mobile", norm=norm), frontend.bands)
        self.dim = self.encoder.feature_dim
        self.log_mel = LogMel(frontend)
        for name in ("mean", "inverse_std"):  # no statistics: each clip is normalized by itself
            self.log_mel.register_buffer(name, self.log_mel.get_buffer(name), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return one vector for each waveform: [B, dim]."""
        logmel = self.log_mel(waveform)
        deviation = logmel.std(dim=(1, 2, 3), keepdim=True).clamp_min(MIN_STD)
        found: Tensor = self.encoder(
            (logmel - logmel.mean(dim=(1, 2, 3), keepdim=True)) / deviation
        )
        return found
