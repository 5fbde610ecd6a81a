"""PASE and PASE+: many small workers, each with its own task, on the steps of one encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.pretext.configs.pase import REGRESSION, PaseConfig, PasePlusConfig
from tiny_audio_ssl.pretext.parts import contrast, sampling
from tiny_audio_ssl.pretext.parts.contamination import contaminate
from tiny_audio_ssl.pretext.parts.step_targets import StepTargets
from tiny_audio_ssl.pretext.parts.steps import Steps


class Pase(Steps):
    """The weighted mean of the workers' losses, each a perceptron with one hidden layer.

    Workers that regress predict what signal processing says of the middle of a step's slice,
    standardized: the waveform (mean absolute error), the log power spectrum, MFCC, and prosody
    (mean squared error; 1 is that of the mean). Workers that discriminate tell, by binary
    cross-entropy, steps of one clip from steps of two (`lim`), halves of one clip from halves of
    two, by the means of their steps (`gim`), and the steps after a step from those before (`spc`).

    A log-mel holds no phase, so that the waveform can hardly be predicted from it; the paper's
    encoder hears waveforms. Its quasi-recurrent network is left out.
    """

    paper = (
        "Pascual, Ravanelli, Serra, Bonafonte, Bengio 2019, arXiv 1904.03416, section 2; as in "
        "the authors' code"
    )
    takes = "wav"
    averages = True  # the frames of a target, or else they are predicted one by one

    min_clips = 2

    Config = PaseConfig

    def __init__(self, config: PaseConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        regressed = [name for name in config.weights if name in REGRESSION]
        count = config.target_frames(frontend)
        self.targets = StepTargets(regressed, config, frontend, count, self.averages)
        given = {"lim": 2, "gim": 2, "spc": 1 + config.sequence}  # steps that a worker is given
        self.workers = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(given.get(name, 1) * config.size, config.hidden),
                    nn.ReLU(),
                    nn.Linear(config.hidden, self.targets.sizes.get(name, 1)),
                )
                for name in config.weights
            }
        )

    def fit(self, clips: Tensor) -> None:
        """Set mean and standard deviation of each number that is regressed."""
        self.targets.fit(clips[:, : self.frontend.samples(self.clip_frames)])

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Cut a clip of each, compute the targets, and choose steps and other clips.

        Returns "wav" [B, samples]; the standardized targets by their workers' names [B, steps,
        numbers]; "steps" [B, 4]: two of a clip and one of another for `lim`, and that of `spc`;
        and "others" [B], the number of another clip.
        """
        wav, count, steps = self.crop(clips, rng), len(clips), self.config.steps
        first, other = (sampling.integers(0, steps - 1, count, rng) for _ in range(2))
        second = (first + sampling.integers(1, max(1, steps - 1), count, rng)) % steps
        reach = self.config.gap_steps() + self.config.sequence - 1
        middle = sampling.integers(reach, max(reach, steps - 1 - reach), count, rng)
        inputs = {
            "wav": self.heard(wav, rng),
            "steps": torch.stack([first, second, other, middle], dim=1),
            "others": sampling.others(count, rng),
        }
        inputs = {name: values.to(wav.device) for name, values in inputs.items()}
        return {**inputs, **self.targets(wav)}

    def heard(self, wav: Tensor, rng: torch.Generator) -> Tensor:
        """Return the clips as the encoder hears them."""
        return wav

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        features = self.encode(encoder, inputs["logmel"])
        z = self.project(features)
        losses = {name: self.loss_of(name, z, inputs) for name in self.config.weights}
        weights = self.config.weights
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        logged = {f"loss/{name}": loss.detach() for name, loss in losses.items()}
        embedding = features.flatten(0, 1)
        return {"loss": total / sum(weights.values()), "embedding": embedding, **logged}

    def loss_of(self, name: str, z: Tensor, inputs: Inputs) -> Tensor:
        """Return the loss of a worker on the steps z [B, steps, size]."""
        if name in REGRESSION:
            found = self.workers[name](z)
            measure = F.l1_loss if name == "waveform" else F.mse_loss
            return measure(found, inputs[name].to(found.dtype))
        anchor, right, wrong = getattr(self, f"_{name}")(z, inputs)
        scores = (self.workers[name](torch.cat([anchor, x], dim=1)) for x in (right, wrong))
        return contrast.pair_bce(*scores)

    def _lim(self, z: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        first, second, other, _ = inputs["steps"].unbind(1)
        rows = torch.arange(len(z), device=z.device)
        return z[rows, first], z[rows, second], z[inputs["others"], other]

    def _gim(self, z: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        half = max(1, z.shape[1] // 2)
        first, second = z[:, :half].mean(dim=1), z[:, -half:].mean(dim=1)
        return first, second, second[inputs["others"]]

    def _spc(self, z: Tensor, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor]:
        rows, middle = torch.arange(len(z), device=z.device)[:, None], inputs["steps"][:, 3:]
        away = self.config.gap_steps() + torch.arange(self.config.sequence, device=z.device)
        after, before = z[rows, middle + away], z[rows, middle - away.flip(0)]
        return z[rows, middle][:, 0], after.flatten(1), before.flatten(1)


class PasePlus(Pase):
    """PASE on distorted clips, whose targets stay those of the clean ones.

    Reverberation, noise, a missing band, a lower bandwidth, clipping, silenced parts and another
    clip each meet a share of the clips. Workers that regress predict 7 neighboring frames; there
    are further ones for gammatone filters and for windows of 128 ms, of which the power spectrum
    is left out for its size. `spc` is no longer among them.
    """

    paper = (
        "Ravanelli, Zhong, Pascual, Swietojanski, Monteiro, Trmal, Bengio 2020, arXiv 2001.09239, "
        "section 2; as in the authors' code"
    )
    averages = False

    Config = PasePlusConfig

    def heard(self, wav: Tensor, rng: torch.Generator) -> Tensor:
        return contaminate(wav, self.config.distorted, rng)
