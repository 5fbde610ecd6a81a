"""CAE and MAE: map mixtures to the latent maps of clean sound, without parallel recordings."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.cae_mae import KIND, KINDS, CaeMaeConfig
from tiny_audio_ssl.pretext.parts import distort, sampling
from tiny_audio_ssl.pretext.parts.augment import uniform
from tiny_audio_ssl.pretext.parts.decoder import MapDecoder
from tiny_audio_ssl.pretext.parts.latent_maps import CleanGain, Latent, MapAutoencoder, latent_shape
from tiny_audio_ssl.pretext.parts.masked_sound import enhanced
from tiny_audio_ssl.pretext.parts.masks import Masking
from tiny_audio_ssl.pretext.product import Product

CLEAN, NOISE = KINDS.index("clean"), KINDS.index("noise")


class CaeMae(Masking):
    """Two autoencoders with noise n ~ N(0, 1) on their latent maps: one of clean sound (CAE),

        |x - Dc(Ec(x) + n)|^2 + k |Ec(x)|^2,

    and one of mixtures (MAE), whose encoder Em is the one that is kept. With h = Em(y), c = Dc(h):

        |y - Dm(h + n)|^2 + k |h|^2 + |y - Dm(Ec(c))|^2 + |Ec(c) - h|^2 + k |Ec(c)|^2

    For recordings y that are noise alone, Dc(h) must lie below them: log(1 + exp(Dc(h) - y)). So
    Dc(Em(y)) is a clean sound. The terms of the MAE leave Ec and Dc as they are. Squares are means
    over latent maps, or over log-mels, where the paper has magnitudes, and for noise |Dc(h)|^2.
    The product, `enhanced`, is the mixture, brought down to Dc(Em(y)) where it is above it.
    """

    paper = "Wang, Venkataramani, Smaragdis 2020, arXiv 2006.10388"
    min_clips = 2

    Config = CaeMaeConfig

    def __init__(self, config: CaeMaeConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        frames = config.slice_frames(frontend)
        self.decoder = MapDecoder(encoder, frontend.bands, frames)
        self.latent_shape = latent_shape(encoder, frames)

    def build_head(self, encoder: Encoder, outputs: int) -> nn.Module:
        return CleanGain(encoder, self.config.slice_frames(self.frontend))

    @property
    def clean(self) -> MapAutoencoder:
        """The CAE."""
        return self._head.clean

    @property
    def latent(self) -> Latent:
        return self._head.latent

    @property
    def _head(self) -> CleanGain:
        return cast(CleanGain, self.masks.head)

    def mask(self, scores: Tensor) -> Tensor:
        """Logarithms of gains -> gains, 0..1."""
        return scores.exp()

    def draw(self, clips: Tensor, rng: torch.Generator, kind: Tensor | None = None) -> Inputs:
        """Cut a slice of each clip: "wav" [n, samples], "kind" int64 [n] and "latent_noise".

        Without kinds, noise is added to half of the clips, and follows the batch once more alone.
        """
        wav = sampling.random_cut(clips, self.samples, rng)
        if kind is None:
            wav, kind = self._mixed(wav, rng)
        noise = self.config.latent_noise * torch.randn(len(wav), *self.latent_shape, generator=rng)
        return {"wav": wav, "kind": kind.to(wav.device), "latent_noise": noise.to(wav.device)}

    def _mixed(self, wav: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        count = len(wav)
        order = torch.randperm(count, generator=rng)
        clean, other = (wav[rows.to(wav.device)] for rows in order.tensor_split([count // 2]))
        config, mixtures = self.config, len(other)
        noise = distort.colored_noise(wav.shape[1], uniform(0, 2, mixtures, rng), rng)
        snr_db = uniform(config.min_snr_db, config.max_snr_db, mixtures, rng)
        mixture = distort.add_noise(other, noise, snr_db)
        counts = torch.tensor([len(clean), mixtures, mixtures])
        kinds = torch.arange(len(KINDS)).repeat_interleave(counts)
        return torch.cat([clean, mixture, mixture - other]), kinds

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        logmel, noise, kind = inputs["logmel"], inputs["latent_noise"], inputs[KIND]
        clean = kind == CLEAN
        heard = ~clean if not clean.all() else clean  # all, in a batch without any mixture
        latent, embedding = self.latent(encoder, logmel[heard])
        losses = {"mixtures": self.of_mixtures(logmel[heard], latent, noise[heard])}
        if clean.any():
            losses["clean"] = self.of_clean(logmel[clean], noise[clean])
        noises = kind[heard] == NOISE
        if noises.any():
            above = self._frozen(latent[noises])[0] - logmel[heard][noises]
            losses["silence"] = self.config.silence_weight * F.softplus(above).mean()
        logged = {name: value.detach() for name, value in losses.items()}
        return {"loss": torch.stack([*losses.values()]).sum(), "embedding": embedding, **logged}

    def of_clean(self, logmel: Tensor, noise: Tensor) -> Tensor:
        """Return the loss of the CAE."""
        latent = self.clean.encode(logmel)
        error = F.mse_loss(self.clean.decoder(latent + noise), logmel)
        loss: Tensor = error + self.config.latent_weight * latent.square().mean()
        return loss

    def of_mixtures(self, logmel: Tensor, latent: Tensor, noise: Tensor) -> Tensor:
        """Return the loss of the MAE, whose gradient reaches nothing of the CAE."""
        config = self.config
        _, again = self._frozen(latent)
        energy = latent.square().mean() + again.square().mean()
        cycles = F.mse_loss(self.decoder(again), logmel) + F.mse_loss(again, latent)
        error = F.mse_loss(self.decoder(latent + noise), logmel)
        loss: Tensor = error + config.cycle_weight * cycles + config.latent_weight * energy
        return loss

    def _frozen(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Decode and encode again by the CAE, whose weights and statistics stay as they are."""
        state = {name: value.detach().clone() for name, value in self.clean.state_dict().items()}
        result: tuple[Tensor, Tensor] = functional_call(self.clean, state, (latent,))
        return result

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        """Return the mixture with its log-mel brought down to Dc(Em(y))."""
        self._head.set_scale(frontend)
        return enhanced(self, frontend, encoder)
