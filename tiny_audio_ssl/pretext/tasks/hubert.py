"""HuBERT: predict the cluster of masked steps."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.hubert import MFCC, HubertConfig
from tiny_audio_ssl.pretext.parts.acoustic_targets import Mfcc
from tiny_audio_ssl.pretext.parts.kmeans import fit_centroids, nearest
from tiny_audio_ssl.pretext.parts.masked_steps import MaskedSteps
from tiny_audio_ssl.pretext.parts.units import Ids, units
from tiny_audio_ssl.pretext.product import Product

MOST_FRAMES = 100  # for each cluster: more make k-means slower and hardly better
_BATCH = 64  # clips whose features are computed at a time


class Hubert(MaskedSteps):
    """Cross-entropy of -log p(y_t | c_t) over the predicted steps t, summed over codebooks.

    p(v | c) is proportional to exp(cos(A c, e_v) / temperature), with A and e of each codebook its
    own. The labels y are clusters, fitted before training and fixed, of the waveform as it is: of
    its MFCC in a first iteration, and in a second of the features that the first one's encoder
    gives (`targets`). That encoder is not part of the state.

    In addition, a linear layer learns to predict the label of a step, in the largest codebook, from
    its features alone. It does not train the encoder. On a phone, where there is no transformer, it
    computes the unit ids.
    """

    paper = "Hsu, Bolte, Tsai, Lakhotia, Salakhutdinov, Mohamed 2021, arXiv 2106.07447, section II"
    takes = "wav"

    Config = HubertConfig

    def __init__(self, config: HubertConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.mfcc = Mfcc(frontend)
        self.first = None if config.targets == MFCC else _Features(config.targets)
        dim = self.first.dim if self.first else self.mfcc.dim
        for index, size in enumerate(config.clusters):
            self.register_buffer(f"centroids{index}", torch.zeros(size, dim))
        self.heads = nn.ModuleList(nn.Linear(config.size, config.size) for _ in config.clusters)
        self.codes = nn.ParameterList(torch.randn(v, config.size) for v in config.clusters)
        self.units = nn.Linear(encoder.feature_dim, config.clusters[self._largest])

    @property
    def _largest(self) -> int:
        sizes = self.config.clusters
        return int(sizes.index(max(sizes)))

    @torch.no_grad()
    def fit(self, clips: Tensor) -> None:
        """Cluster the features of steps.

        Raises `UserError` with fewer than 20 steps for each cluster.
        """
        parts = torch.split(clips[:, : self.frontend.samples(self.clip_frames)], _BATCH)
        found = torch.cat([self.targets_of(part).flatten(0, 1) for part in parts])
        rng = torch.Generator().manual_seed(0)
        for index, size in enumerate(self.config.clusters):
            few = found[:: max(1, len(found) // (MOST_FRAMES * size))]
            self.get_buffer(f"centroids{index}").copy_(fit_centroids(few, size, rng))

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        wav = self.crop(clips, rng)
        masks = {name: mask.to(wav.device) for name, mask in self.draw_mask(len(wav), rng).items()}
        return {"wav": wav, "labels": self.labels_of(wav), **masks}

    @torch.no_grad()
    def labels_of(self, wav: Tensor) -> Tensor:
        """Waveforms [B, samples] -> the cluster of each step, int64 [B, steps, codebooks]."""
        found = self.targets_of(wav)
        labels = torch.stack([nearest(found.flatten(0, 1), c) for c in self._centroids()], dim=1)
        return labels.reshape(*found.shape[:2], -1)

    def targets_of(self, wav: Tensor) -> Tensor:
        """Waveforms [B, samples] -> what is clustered [B, steps, dim]: the mean MFCC over the hop
        in the middle of each slice, or the first iteration's features of the slice."""
        if self.first:
            return self.first(self.slices(wav))
        return self.middles(self.mfcc(wav)).mean(dim=3)

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        features = self.encode(encoder, inputs["logmel"])
        context = self.in_context(self.steps_of(features), inputs["mask"])
        labels, predicted = inputs["labels"], inputs["predicted"]
        logits = [self.logits(index, context) for index in range(len(self.heads))]
        losses = [
            self.mean(F.cross_entropy(part.mT, labels[..., i], reduction="none"), predicted)
            for i, part in enumerate(logits)
        ]
        largest = self._largest
        known, wanted = self.units(features.detach()), labels[..., largest]
        right = (logits[largest].argmax(dim=2) == wanted).float()
        return {
            "loss": torch.stack(losses).sum() + F.cross_entropy(known.mT, wanted),
            "embedding": features.flatten(0, 1),
            "accuracy": self.mean(right, predicted),
            "unit_accuracy": (known.argmax(dim=2) == wanted).float().mean(),
        }

    def logits(self, index: int, context: Tensor) -> Tensor:
        """[..., size] -> cosines with the codes of a codebook, over the temperature."""
        wanted, codes = self.heads[index](context), cast(Tensor, self.codes[index])
        cosines = F.normalize(wanted, dim=-1) @ F.normalize(codes, dim=1).T
        return cosines / float(self.config.temperature)

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        ids = Ids(self.units, lambda logits: logits.argmax(dim=1, keepdim=True))
        return units(self, encoder, ids, replace(self.config, targets=MFCC))

    def _centroids(self) -> list[Tensor]:
        return [self.get_buffer(f"centroids{index}") for index in range(len(self.heads))]


class _Features:
    """The encoder of another run, frozen. Not a module, so that the state does not include it."""

    def __init__(self, run: str) -> None:
        self.model = checkpoint.load(run).model
        self.dim = self.model.encoder.feature_dim

    def __call__(self, slices: Tensor) -> Tensor:
        """[B, steps, samples] -> [B, steps, dim]"""
        model = self.model.to(slices.device)
        features: Tensor = model.encoder(model.frontend(slices.flatten(0, 1)))
        return features.reshape(*slices.shape[:2], self.dim)
