"""Each check of the pretext contract catches a task that breaks it, and says how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.pretext.parts import sampling
from tiny_audio_ssl.testing import Goal, check_pretext
from tiny_audio_ssl.testing.leak_check import prediction_sees_no_target
from tiny_audio_ssl.testing.pretext_case import PretextCase
from tiny_audio_ssl.testing.pretext_checks import (
    PRETEXT_CHECKS,
    gradient_reaches_everything,
)


class Loudness(Pretext):
    """Somebody's own task, which is in no registry: predict the mean of a slice."""

    paper = "for this test"

    @dataclass(frozen=True)
    class Config(PretextConfig):
        slice_ms: float = 175.0

        def __post_init__(self) -> None:
            if self.slice_ms <= 0:
                raise UserError(f"slice_ms {self.slice_ms}; expected more than 0")

        def slice_frames(self, frontend: FrontendConfig) -> int:
            return frontend.frames_of_ms(self.slice_ms)

        def clip_frames(self, frontend: FrontendConfig) -> int:
            return self.slice_frames(frontend)

        def length_option(self) -> str:
            return "--pretext.slice-ms"

    def __init__(self, config, encoder, frontend) -> None:
        super().__init__(config, encoder, frontend)
        self.head = nn.Linear(encoder.feature_dim, 1)

    def draw(self, clips: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        frames = self.config.slice_frames(self.frontend)
        starts = sampling.integers(0, clips.shape[3] - frames, len(clips), rng)
        return {"slice": sampling.cut(clips, starts, frames)}

    def forward(self, encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["slice"])
        target = inputs["slice"].mean(dim=(1, 2, 3))
        return {"loss": (self.head(embedding)[:, 0] - target).pow(2).mean(), "embedding": embedding}


class SaysNothing(Loudness):
    paper = ""


class EditsItsClips(Loudness):
    def draw(self, clips, rng):
        clips += 1
        return super().draw(clips, rng)


class DrawsElsewhere(Loudness):
    def draw(self, clips, rng):
        return super().draw(clips, torch.Generator().manual_seed(torch.seed() % 2**31))


class DrawsNothing(Loudness):
    def draw(self, clips, rng):
        return super().draw(clips, torch.Generator().manual_seed(0))


class NeedsMore(Loudness):
    def draw(self, clips, rng):
        return super().draw(clips[..., 3:], rng)


class SeesOtherLengths(Loudness):
    def draw(self, clips, rng):
        return {"slice": super().draw(clips, rng)["slice"][..., 1:]}


class IsRandom(Loudness):
    def forward(self, encoder, **inputs):
        out = super().forward(encoder, **inputs)
        return {**out, "loss": out["loss"] * torch.rand(())}


class GivesALossForEachClip(Loudness):
    def forward(self, encoder, **inputs):
        out = super().forward(encoder, **inputs)
        return {**out, "loss": out["loss"].expand(8)}


class HasIdleWeights(Loudness):
    def __init__(self, config, encoder, frontend):
        super().__init__(config, encoder, frontend)
        self.idle = nn.Linear(3, 3)


class ComparesClips(Loudness):
    """Its clips must differ; one alone has nothing to differ from."""

    def forward(self, encoder, **inputs):
        embedding = encoder(inputs["slice"])
        scores = self.head(embedding) * embedding.mean(dim=1)[None]
        right = torch.arange(len(scores))
        return {"loss": nn.functional.cross_entropy(scores, right), "embedding": embedding}


class NormalizesByTheBatch(Loudness):
    """PyTorch refuses to normalize one row by its own statistics."""

    def __init__(self, config, encoder, frontend):
        super().__init__(config, encoder, frontend)
        self.head = nn.Sequential(nn.BatchNorm1d(encoder.feature_dim), self.head)


class ComparesClipsAndSaysSo(ComparesClips):
    min_clips = 2


class CannotLearn(Loudness):
    def forward(self, encoder, **inputs):
        out = super().forward(encoder, **inputs)
        return {**out, "loss": 10 + 0.001 * out["loss"]}


class LosesInDecibels(Loudness):
    """Its loss has no zero to come half as near to."""

    def forward(self, encoder, **inputs):
        out = super().forward(encoder, **inputs)
        return {**out, "loss": 10 * out["loss"].log10()}


class HidesItsState(Loudness):
    instances = 0

    def __init__(self, config, encoder, frontend):
        super().__init__(config, encoder, frontend)
        HidesItsState.instances += 1
        self.offset = HidesItsState.instances  # no parameter, no buffer

    def forward(self, encoder, **inputs):
        out = super().forward(encoder, **inputs)
        return {**out, "loss": out["loss"] + self.offset}


class KeepsTheEncoder(Loudness):
    def __init__(self, config, encoder, frontend):
        super().__init__(config, encoder, frontend)
        self.encoder = encoder


class KeepsAudio(Loudness):
    def __init__(self, config, encoder, frontend):
        super().__init__(config, encoder, frontend)
        self.register_buffer("memory", torch.zeros(0))

    def fit(self, clips):
        self.memory = clips[:2].clone()


class ChecksNothing(Loudness):
    @dataclass(frozen=True)
    class Config(Loudness.Config):
        scale: float = 1.0


class PredictsItsNeighbor(Loudness):
    """Predict the next slice's mean from a slice, both without a common frame."""

    hides = "frames"
    apart = 0

    def draw(self, clips, rng):
        frames = self.config.slice_frames(self.frontend)
        return {"slice": clips[..., :frames], "next": clips[..., frames + self.apart :]}

    def predictions(self, encoder, **inputs):
        return [(self.head(encoder(inputs["slice"])), inputs["next"].mean(dim=(1, 2, 3)))]


class SeesAFrameOfItsTarget(PredictsItsNeighbor):
    apart = -1


class SharesSamplesWithItsTarget(PredictsItsNeighbor):
    """Neighboring frames overlap: windows are 25 ms long, and 10 ms apart."""

    hides = "samples"


class SharesNoSampleWithItsTarget(SharesSamplesWithItsTarget):
    apart = 2


class HidesSamplesOfWaveforms(PredictsItsNeighbor):
    takes, hides = "wav", "samples"

    def draw(self, clips, rng):
        return {"wav": clips}

    def predictions(self, encoder, **inputs):
        return super().predictions(encoder, **super().draw(inputs["logmel"], torch.Generator()))


class HidesFramesOfWaveforms(HidesSamplesOfWaveforms):
    hides, apart = "frames", -1


class PredictsNothing(PredictsItsNeighbor):
    def predictions(self, encoder, **inputs):
        return []


class PredictsAConstant(PredictsItsNeighbor):
    def predictions(self, encoder, **inputs):
        return [(inputs["slice"] * 0, inputs["next"])]


BROKEN = {
    "describes_itself": (SaysNothing, "paper: expected authors"),
    "draw_is_repeatable": (EditsItsClips, "copy them first"),
    "needs_no_more_than_it_says": (NeedsMore, "clip_frames = 16 frames are too short"),
    "encoder_sees_slices": (SeesOtherLengths, r"inputs of \[15\] frames"),
    "forward_is_deterministic": (IsRandom, "everything random belongs in draw"),
    "gradient_reaches_everything": (HasIdleWeights, "no gradient for idle.weight"),
    "learns_one_batch": (CannotLearn, "expected half or less"),
    "prediction_sees_no_target": (SeesAFrameOfItsTarget, "512 values of the clips' frames reach"),
    "state_round_trip": (HidesItsState, "keep what is learned in parameters and buffers"),
    "state_is_private": (KeepsAudio, "memory holds audio"),
    "hyper_parameters_are_checked": (ChecksNothing, "scale = -1 was accepted"),
}
MORE = {
    "draw_is_repeatable": [(DrawsElsewhere, "same seed"), (DrawsNothing, "two seeds")],
    "forward_is_deterministic": [(GivesALossForEachClip, "expected a scalar")],
    "gradient_reaches_everything": [
        (ComparesClips, "a batch of 1 clips .*teaches the encoder nothing.*min_clips = 2"),
        (NormalizesByTheBatch, "a batch of 1 clips .*is too small.*raise min_clips"),
    ],
    "prediction_sees_no_target": [
        (SharesSamplesWithItsTarget, "1912 values of the clips' samples reach"),
        (HidesSamplesOfWaveforms, "values of the clips' samples reach"),
        (HidesFramesOfWaveforms, "values of the clips' frames reach"),
        (PredictsNothing, "predictions gave no pair"),
        (PredictsAConstant, "depends on no clip"),
    ],
    "state_is_private": [(KeepsTheEncoder, "the task keeps the encoder")],
}


def test_task_that_is_in_no_registry_passes():
    check_pretext(Loudness)


def test_task_that_says_how_many_clips_it_compares_passes():
    gradient_reaches_everything(PretextCase(ComparesClipsAndSaysSo, EncoderConfig(width=0.25)))


@pytest.mark.parametrize("task", [PredictsItsNeighbor, SharesNoSampleWithItsTarget])
def test_task_that_hides_its_target_passes(task):
    prediction_sees_no_target(PretextCase(task))


def test_goal_takes_the_place_of_half_the_loss():
    with pytest.raises(AssertionError, match=r"loss on one batch .* expected loss of at most 9"):
        check_pretext(CannotLearn, goal=Goal("loss", at_most=9))
    with pytest.raises(AssertionError, match="loss of at least 5 is reached without training"):
        check_pretext(CannotLearn, goal=Goal("loss", at_least=5))
    check_pretext(LosesInDecibels, goal=Goal("loss", at_most=-25))


def test_settings_take_the_place_of_defaults():
    with pytest.raises(AssertionError, match="clip_frames = 8 frames are too short"):
        check_pretext(NeedsMore, settings={"slice_ms": 95})


@pytest.mark.parametrize("check", PRETEXT_CHECKS, ids=lambda check: check.__name__)
def test_check_catches_a_broken_task(check):
    for broken, message in [BROKEN[check.__name__], *MORE.get(check.__name__, [])]:
        with pytest.raises(AssertionError, match=message):
            check(PretextCase(broken, EncoderConfig(width=0.25)))


def test_check_pretext_makes_every_check():
    with pytest.raises(AssertionError, match="scale = -1"):
        check_pretext(ChecksNothing)
    check_pretext(ChecksNothing, may_be_negative=("scale",))
