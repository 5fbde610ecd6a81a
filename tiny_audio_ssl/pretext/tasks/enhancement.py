"""Enhancement: remove the noise that was added to a sound."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel, log_of
from tiny_audio_ssl.pretext.configs.enhancement import SpeechEnhancementConfig
from tiny_audio_ssl.pretext.parts import sound_error
from tiny_audio_ssl.pretext.parts.added_noise import AddedNoise
from tiny_audio_ssl.pretext.parts.masked_sound import enhanced
from tiny_audio_ssl.pretext.product import Product


class SpeechEnhancement(AddedNoise):
    """Estimate a clean recording from itself with noise, by a mask on its spectrogram.

    The loss is the negative SI-SDR of the masked sound, or the mean squared error between its
    log-mel and that of the clean recording. The papers map the spectrum by a deep autoencoder; a
    mask keeps the phase, and can only attenuate, so that silence stays silent.

    After 1,000 steps, speakers and noises of other corpora gain 1 to 2 dB, far from the 13 dB of
    the ideal mask, and more steps or another head gain no more; recordings like those that were
    trained on gain 3 to 4 dB.
    """

    paper = (
        "Lu, Tsao, Matsuda, Hori, Interspeech 2013, https://doi.org/10.21437/Interspeech.2013-130"
    )

    Config = SpeechEnhancementConfig

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        mixture, target = inputs["mixture"], inputs["target"]
        scores, embedding = self.masks.scores(encoder, inputs["logmel"])
        mask, spectrum = self.mask(scores), self.masks.stft(mixture)
        found = self.masks.waveforms(spectrum, mask)[:, 0]
        if self.config.objective == "si-sdr":
            loss = sound_error.si_sdr_loss(found, target)
        else:
            loss = self._log_mel_error(spectrum, mask[:, 0], target)
        return {
            "loss": loss,
            "embedding": embedding,
            **self.measured(found, mixture, target),
        }

    def _log_mel_error(self, spectrum: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        """A mask of amplitudes [B, bands, frames] counts in power by its square."""
        bins = self.masks.bins
        masked = mask.square() * bins.power(spectrum)
        return F.mse_loss(log_of(masked), log_of(bins.power(self.masks.stft(target))))

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        return enhanced(self, frontend, encoder)
