"""The leak check: no prediction has seen its own target."""

from __future__ import annotations

import torch
from torch import Tensor

from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.testing.pretext_case import PretextCase


def prediction_sees_no_target(case: PretextCase) -> None:
    """Check that no part of a clip that the task hides reaches both a prediction and its target.

    The encoder is in evaluation mode: batch statistics mix all clips and all slices.
    """
    task, encoder = case.build()
    if task.hides == "nothing":
        return
    task.eval()
    encoder.eval()
    heard, inputs = _heard(case, task)
    name, pairs = case.kind.__name__, list(task.predictions(encoder, **inputs))
    assert pairs, f"{name}.hides is {task.hides!r}, and predictions gave no pair to check"
    for prediction, target in pairs:
        of_prediction, of_target = (_reached(value, heard) for value in (prediction, target))
        assert of_prediction.any() and of_target.any(), (
            f"{name}.predictions gave a prediction or a target that depends on no clip"
        )
        shared = int((of_prediction & of_target).sum())
        assert not shared, (
            f"{shared} values of the clips' {task.hides} reach both a prediction and its target: "
            "it can be copied. Mask more, or predict from farther away"
        )


def _heard(case: PretextCase, task: Pretext) -> tuple[Tensor, Inputs]:
    """Return what the task hides parts of, with a gradient, and the inputs made of it."""
    frontend, rng = LogMel(case.frontend), torch.Generator().manual_seed(3)
    clips = case.clips(task)
    if task.hides == "samples":
        noise = torch.randn(len(clips), case.frontend.samples(clips.shape[-1]), generator=rng)
        heard = (clips if task.takes == "wav" else 0.1 * noise).requires_grad_()
        return heard, task.inputs(frontend, heard, rng)
    if task.takes == "logmel":
        return clips.requires_grad_(), task.draw(clips, rng)
    inputs = task.draw(clips, rng)
    heard = frontend(inputs.pop("wav")).requires_grad_()
    return heard, {**inputs, "logmel": heard}


def _reached(value: Tensor, heard: Tensor) -> Tensor:
    """Return where the gradient of `value` is not zero: a random sum, lest parts cancel out."""
    rng = torch.Generator().manual_seed(4)
    total = (value * torch.randn(value.shape, generator=rng)).sum()
    (gradient,) = torch.autograd.grad(total, heard, retain_graph=True)
    return gradient != 0
