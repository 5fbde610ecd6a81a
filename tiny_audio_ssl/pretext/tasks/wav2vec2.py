"""wav2vec 2.0 and wav2vec-C: recognize the quantized step behind a mask."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.wav2vec2 import Wav2vec2Config, Wav2vecCConfig
from tiny_audio_ssl.pretext.parts.codebooks import GumbelCodebook, KMeansCodebook, build_codebook
from tiny_audio_ssl.pretext.parts.context import Recurrent
from tiny_audio_ssl.pretext.parts.masked_steps import MaskedSteps
from tiny_audio_ssl.pretext.parts.units import CodedSteps


class Wav2vec2(CodedSteps, MaskedSteps):
    """-log( exp(cos(c_t, q_t) / temperature) / sum_q exp(cos(c_t, q) / temperature) ), plus the
    codebook's own terms.

    c is what a transformer makes of the masked steps, q a step that is not masked but quantized.
    The sum runs over q_t and the q of other masked steps of the clip, which share no sample with
    q_t; those with the same entries as q_t are left out.

    In clips of a second, the paper's weight of the diversity and its temperatures end in entries
    that noise alone chooses: all are in use, and none can be predicted. With the defaults here a
    codebook of 64 keeps about ten in use.
    """

    codebook: GumbelCodebook | KMeansCodebook

    paper = "Baevski, Zhou, Mohamed, Auli 2020, arXiv 2006.11477, section 3"

    Config = Wav2vec2Config

    def __init__(self, config: Wav2vec2Config, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.codebook = build_codebook(config, config.size)
        self.of_codes = nn.Linear(config.size, config.size)
        self.of_context = nn.Linear(config.size, config.size)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        logmel, count, steps = self.crop(clips, rng), len(clips), self.config.steps
        masks = self.draw_mask(count, rng)
        distractors = self.draw_distractors(masks["mask"], rng)
        noise = self.codebook.draw(count, steps, rng=rng)
        drawn = {**masks, "distractors": distractors, **noise}
        return {"logmel": logmel, **{k: value.to(clips.device) for k, value in drawn.items()}}

    def draw_distractors(self, mask: Tensor, rng: torch.Generator) -> Tensor:
        """Draw masked steps of the same clip for each step: int64 [B, steps, distractors].

        Where there are any, they are steps that share no sample with it.
        """
        step = torch.arange(mask.shape[1])
        distance = (step[:, None] - step).abs()
        others, apart = (mask[:, None, :] & (distance > least) for least in (0, self.reach))
        allowed = torch.where(apart.any(dim=2, keepdim=True), apart, others)
        chosen = torch.multinomial(
            allowed.flatten(0, 1).float(), self.config.distractors, replacement=True, generator=rng
        )
        return chosen.reshape(*mask.shape, -1)

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        features = self.encode(encoder, inputs["logmel"])
        steps = self.steps_of(features)
        coded = self.codebook(steps.flatten(0, 1), inputs.get("noise"))
        codes = coded.vectors.reshape(steps.shape)
        logits = self.logits(self.in_context(steps, inputs["mask"]), codes, inputs["distractors"])
        predicted = inputs["predicted"]
        contrast = self.mean(logits.logsumexp(dim=2) - logits[..., 0], predicted)
        terms = {"contrast": contrast, "codes": coded.loss, **self.terms(codes, inputs["logmel"])}
        return {
            "loss": torch.stack(list(terms.values())).sum(),
            "embedding": features.flatten(0, 1),
            "accuracy": self.mean((logits.argmax(dim=2) == 0).float(), predicted),
            **coded.logged(),
            **terms,
        }

    def logits(self, context: Tensor, codes: Tensor, distractors: Tensor) -> Tensor:
        """Return the cosines of each step's context with q_t, and with the q of its distractors,
        over the temperature.

        [B, steps, size] twice, and [B, steps, n] numbers of steps, to [B, steps, 1 + n].
        """
        clips = torch.arange(len(codes), device=codes.device)[:, None, None]
        others = codes[clips, distractors]
        wanted = self.of_codes(torch.cat([codes[:, :, None], others], dim=2))
        cosines = F.cosine_similarity(self.of_context(context)[:, :, None], wanted, dim=3)
        same = F.pad((others == codes[:, :, None]).all(dim=3), (1, 0))
        return (cosines / float(self.config.temperature)).masked_fill(same, -torch.inf)

    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        self.codebook.anneal(step / total_steps)

    def terms(self, codes: Tensor, logmel: Tensor) -> dict[str, Tensor]:
        """Return further terms of the loss, by the names that are logged."""
        return {}


class Wav2vecC(Wav2vec2):
    """wav2vec 2.0, plus `consistency` times the mean of (r(q_t) - x_t)^2.

    r is a recurrent network over the quantized steps, which are not masked, and x_t the log-mel of
    the hop in the middle of the slice. So the entries have to hold what the log-mel looks like, and
    not only what tells a step from its neighbors.
    """

    paper = "Sadhu et al. 2021, arXiv 2103.08393, section 2"

    Config = Wav2vecCConfig

    def __init__(self, config: Wav2vecCConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.network = Recurrent(config.size)
        self.reconstruct = nn.Linear(config.size, self.hop_frames * frontend.bands)

    def terms(self, codes: Tensor, logmel: Tensor) -> dict[str, Tensor]:
        wanted = self.middles(logmel[:, 0]).flatten(2)
        found = self.reconstruct(self.network(codes))
        return {"consistency": self.config.consistency * F.mse_loss(found, wanted)}
