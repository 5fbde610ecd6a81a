"""wav2vec-U: phones of speech, learned from recordings and an unrelated text."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.wav2vec_u import Wav2vecUConfig
from tiny_audio_ssl.pretext.parts.discriminator import Discriminator, padded, with_gradient
from tiny_audio_ssl.pretext.parts.phone_text import read_phones
from tiny_audio_ssl.pretext.parts.segments import joined
from tiny_audio_ssl.pretext.parts.steps import Steps
from tiny_audio_ssl.pretext.product import Output, Product

PHONES = "phones"  # the product
KERNEL = 4  # steps that the generator hears


class Wav2vecU(Steps):
    """Experimental. It pushes the phones that it gives to be as frequent, and to follow each other,
    as those of a text; at this size it can't be expected to recognize what people say, and it is no
    task to learn features by. The paper's features come from 300 million frozen weights. In short
    trainings on synthetic speech, it made more errors than always guessing the most frequent phone.

    A generator G gives each step probabilities p of phones; neighbors with the same likeliest phone
    are joined, and a discriminator C tells these sequences from pieces of the text, one-hot:

        min_C max_G  -E log C(text) - E log(1 - C(G)) + penalty (|grad C| - 1)^2, and G also
        minimizes  smoothness |p_t - p_(t+1)|^2 - diversity H(mean p).

    It is one loss, since the gradient changes its sign between C and G. The gradient of C is taken
    between text and speech (arXiv 1704.00028). `text_perplexity`, how improbable pairs of phones
    are in the text, and `used_phones` choose between seeds without labels, as in the paper.
    """

    paper = "Baevski, Hsu, Conneau, Auli 2021, arXiv 2105.11084"

    pair_scores: Tensor

    Config = Wav2vecUConfig

    def __init__(self, config: Wav2vecUConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.text = read_phones(config.text, config.phones)
        size, count = config.size, len(self.text.phones)
        is_batch = encoder.config.norm == "batch"
        self.norm = nn.BatchNorm1d(size) if is_batch else nn.LayerNorm(size)
        self.generator = padded(nn.Conv1d(size, count, KERNEL, bias=False))
        self.discriminator = Discriminator(count, config.hidden)
        self.register_buffer("pair_scores", self.text.pair_scores(), persistent=False)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Crop the clips, and draw "text", int64 [B, text_phones], and "share" [B, 1, 1], of it
        where the gradient of the discriminator is taken."""
        text = self.text.pieces(len(clips), self.config.text_phones, rng)
        share = torch.rand(len(clips), 1, 1, generator=rng)
        inputs = {"logmel": self.crop(clips, rng), "text": text, "share": share}
        return {name: value.to(clips.device) for name, value in inputs.items()}

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        config = self.config
        features = self.encode(encoder, inputs["logmel"])
        phones = self.phones_of(with_gradient(features, config.encoder_gradient))
        speech, is_phone = joined(phones, phones.argmax(dim=2))
        text = F.one_hot(inputs["text"], phones.shape[2]).to(speech.dtype)
        of_text = self.discriminator(text)
        of_speech = self.discriminator(with_gradient(speech, -1), is_phone)
        game = F.softplus(-of_text).mean() + F.softplus(of_speech).mean()
        change = (phones[:, 1:] - phones[:, :-1]).square().sum(dim=2).mean()
        mean = phones.mean(dim=(0, 1))
        entropy = -(mean * (mean + 1e-7).log()).sum()
        penalty = self.discriminator.gradient_penalty(speech, text, inputs["share"])
        loss = game + config.penalty * penalty + config.smoothness * change
        return {
            "loss": loss - config.diversity * entropy,
            "embedding": features.flatten(0, 1),
            "game": game,
            "penalty": penalty,
            "change": change,
            "used_phones": entropy.exp(),
            "text_perplexity": self.text_perplexity(speech, is_phone),
        }

    def phones_of(self, features: Tensor) -> Tensor:
        """[B, S, feature_dim] -> probabilities of phones [B, S, V]."""
        steps = self.norm(self.project(features.flatten(0, 1))).unflatten(0, features.shape[:2])
        logits: Tensor = self.generator(steps.mT)
        return logits.mT.softmax(dim=2)

    def text_perplexity(self, speech: Tensor, is_phone: Tensor) -> Tensor:
        """Return exp of the mean of -log P(phone | the one before), with the text's P."""
        ids, pairs = speech.argmax(dim=2), is_phone[:, 1:]
        scores = self.pair_scores[ids[:, :-1], ids[:, 1:]]
        return torch.exp(-(scores * pairs).sum() / pairs.sum().clamp_min(1))

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        samples = self.frontend.samples(self.slice_frames)
        hop = self.hop_frames * self.frontend.hop
        meaning = (
            f"[batch, step, phone]: probability, 0 to 1, of {' '.join(self.text.phones)}. Step k "
            f"is of the {samples} samples from sample {hop} k on"
        )
        config = replace(self.config, text="", phones=self.text.phones)
        module = StepPhones(encoder, self).eval()
        return Product(PHONES, module, "mel", (Output(PHONES, meaning),), config)


class StepPhones(nn.Module):
    """Log-mel [B, 1, bands, frames] -> probabilities of phones at each step [B, steps, V]."""

    def __init__(self, encoder: Encoder, task: Wav2vecU) -> None:
        super().__init__()
        self.encoder, self.layers = encoder, nn.Sequential(task.project, task.norm)
        self.generator = task.generator
        self.slice_frames, self.hop_frames = task.slice_frames, task.hop_frames

    def forward(self, logmel: Tensor) -> Tensor:
        starts = range(0, logmel.shape[3] - self.slice_frames + 1, self.hop_frames)
        slices = torch.stack([logmel[..., s : s + self.slice_frames] for s in starts], dim=1)
        steps = self.layers(self.encoder(slices.flatten(0, 1)))
        logits: Tensor = self.generator(steps.unflatten(0, (-1, len(starts))).mT)
        return logits.mT.softmax(dim=2)
