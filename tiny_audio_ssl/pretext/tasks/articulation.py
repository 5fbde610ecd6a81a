"""Analysis by synthesis: find the parameters of a vocal tract that sounds like the recordings."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tiny_audio_ssl.data.batches import Batch
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.articulation import ArticulationConfig
from tiny_audio_ssl.pretext.parts import sampling, vocal_tract
from tiny_audio_ssl.pretext.parts.augment import uniform
from tiny_audio_ssl.pretext.parts.units import StepUnits
from tiny_audio_ssl.pretext.product import Output, Product

ARTICULATION = "articulation"
LEVELS_DB = (-45.0, -15.0)  # of made sound; the recordings' own level says nothing of a tract


class AnalysisBySynthesis(Pretext):
    """|q(F(p)) - p|^2, where F makes a sound from the parameters p of a vocal tract, and the
    network q has to recover them; p is what q itself estimates for a recording, plus noise.

    So the synthetic sounds come to resemble the recordings, without any label, and F is not
    differentiated. A slowly moving copy of q makes the proposals; the noise falls from step to
    step. Nine parameters, in -1..1, describe a tube and its source (`parts/vocal_tract.py`), which
    stand still for a slice; the paper has an articulatory synthesizer that moves, and a network
    over the sequence.
    """

    paper = "Sun, Wu 2020, arXiv 2006.13350"
    takes = "wav"

    Config = ArticulationConfig
    noise: Tensor

    def __init__(
        self, config: ArticulationConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        self.samples = frontend.samples(config.slice_frames(frontend))
        longest = vocal_tract.FFT_SIZE - 2 * vocal_tract.BEFORE
        if self.samples > longest:
            raise UserError(
                f"analysis-by-synthesis: slices of {config.slice_ms:g} ms; expected at most "
                f"{1000 * longest // frontend.sample_rate_hz}"
            )
        self.head = nn.Linear(encoder.feature_dim, len(vocal_tract.PARAMETERS))
        self.proposing = copy.deepcopy(nn.Sequential(encoder, self.head)).requires_grad_(False)
        self.register_buffer("noise", torch.tensor(float(config.first_noise)))

    def inputs(self, frontend: LogMel, clips: Batch, rng: torch.Generator) -> Inputs:
        """Propose parameters for each slice, and make the sound that they give."""
        assert isinstance(clips, Tensor)  # the task has no columns and prepares nothing
        drawn = self.draw(clips, rng)
        heard = self.proposing(frontend(drawn["wav"])) + self.noise * drawn["proposal_noise"]
        parameters = torch.where(drawn["is_uniform"][:, None], drawn["anywhere"], heard)
        parameters = parameters.clamp(-1, 1)
        sound = vocal_tract.synthesize(parameters, drawn["hiss"], self.samples)
        return {"logmel": frontend(sound * drawn["level"]), "parameters": parameters}

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Cut slices of each clip, "wav" [n, samples], and draw what proposals and sounds need."""
        wav = sampling.random_cut(clips.repeat_interleave(self.config.slices, 0), self.samples, rng)
        count, size = len(wav), len(vocal_tract.PARAMETERS)
        drawn = {
            "proposal_noise": torch.randn(count, size, generator=rng),
            "anywhere": uniform(-1, 1, count * size, rng).reshape(count, size),
            "is_uniform": torch.rand(count, generator=rng) < self.config.uniform,
            "hiss": torch.randn(count, vocal_tract.FFT_SIZE, generator=rng),
            "level": 10 ** (uniform(*LEVELS_DB, count, rng)[:, None] / 20),
        }
        return {"wav": wav} | {name: value.to(wav.device) for name, value in drawn.items()}

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["logmel"])
        error = (self.head(embedding) - inputs["parameters"]).square().mean()
        spread = inputs["parameters"].var(dim=0, correction=0).mean()
        return {
            "loss": error,
            "embedding": embedding,
            "explained": 1 - error.detach() / spread.clamp_min(1e-6),
        }

    @torch.no_grad()
    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        config, new = self.config, nn.Sequential(encoder, self.head)
        pairs = zip(self.proposing.parameters(), new.parameters(), strict=True)
        for average, value in pairs:
            average.lerp_(value, 1 - config.momentum)
        for kept, current in zip(self.proposing.buffers(), new.buffers(), strict=True):
            kept.copy_(current)
        share = min(1.0, step / max(1, total_steps))
        self.noise.fill_(config.first_noise + share * (config.last_noise - config.first_noise))

    def product(self, frontend: LogMel, encoder: Encoder) -> Product:
        frames = self.config.slice_frames(self.frontend)
        hop = max(1, frames // 2)
        module = StepUnits(encoder, self.head, frames, hop)
        meaning = (
            f"[batch, slice, parameter]: in -1..1, {', '.join(vocal_tract.PARAMETERS)}. Slice k is "
            f"of the {self.samples} samples from sample {hop * self.frontend.hop} k on"
        )
        outputs = (Output(ARTICULATION, meaning),)
        return Product(ARTICULATION, module.eval(), "mel", outputs, self.config)
