"""`check_pretext`: the contract of `tiny_audio_ssl.pretext.base.Pretext`, as checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.testing.leak_check import prediction_sees_no_target
from tiny_audio_ssl.testing.pretext_case import Goal, PretextCase

LEARNING_STEPS = 200  # at most
LEARNING_RATE = 3e-3
Check = Callable[[PretextCase], None]


def check_pretext(
    kind: type[Pretext],
    *,
    lowest_loss: Callable[[Inputs], float] = lambda inputs: 0.0,
    may_be_negative: tuple[str, ...] = (),
    settings: Mapping[str, Any] | None = None,
    goal: Goal | None = None,
) -> None:
    """Check a pretext task against the contract that training and federation rely on.

    Args:
        kind: the class, derived from `Pretext`; it need not be in the registry.
        lowest_loss: from the inputs of `forward`, the loss of a perfect encoder, where that is more
            than 0.
        may_be_negative: hyper-parameters for which -1 is a fair value.
        settings: hyper-parameters for the checks where they are not the defaults.
        goal: what training on one batch has to reach, if not half the loss.

    Raises:
        AssertionError: what the contract asks for, and what the task does instead.

    Examples:
        >>> from tiny_audio_ssl.pretext.tasks.autoencoder import Autoencoder
        >>> from tiny_audio_ssl.testing import check_pretext
        >>> check_pretext(Autoencoder)
    """
    case = PretextCase(
        kind,
        frontend=kind.Config.wants,
        lowest_loss=lowest_loss,
        may_be_negative=may_be_negative,
        settings=settings or {},
        goal=goal,
    )
    for check in PRETEXT_CHECKS:
        check(case)


def describes_itself(case: PretextCase) -> None:
    """Check that the task names its paper, what it takes and its hyper-parameters."""
    kind = case.kind
    assert getattr(kind, "paper", ""), f"{kind.__name__}.paper: expected authors, year and source"
    assert kind.takes in ("logmel", "wav"), (
        f"{kind.__name__}.takes is {kind.takes!r}: expected 'logmel' or 'wav'"
    )
    config: Any = kind.Config()
    assert dataclasses.is_dataclass(kind.Config), (
        f"{kind.__name__}.Config: expected a frozen dataclass derived from PretextConfig"
    )
    option = config.length_option()
    assert "--pretext." in option, (
        f"{kind.__name__}.Config.length_option() gave {option!r}: expected the option that lowers "
        "clip_frames, such as --pretext.slice-ms"
    )


def draw_is_repeatable(case: PretextCase) -> None:
    """Check that `draw` depends on its generator alone, and edits nothing."""
    task, _ = case.build()
    clips = case.clips(task)
    before = clips.clone()
    first, again, other = (
        task.draw(clips, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(clips, before), "draw changed the clips that it was given: copy them first"
    changed = [name for name in first if not torch.equal(first[name], again[name])]
    assert not changed, (
        f"draw gave another {', '.join(changed)} for the same seed: draw everything random from "
        "`rng`"
    )
    assert any(not torch.equal(first[name], other[name]) for name in first), (
        "draw gave the same for two seeds: nothing was drawn from `rng`"
    )


def needs_no_more_than_it_says(case: PretextCase) -> None:
    """Check that a clip of exactly `clip_frames` frames is enough."""
    task, encoder = case.build()
    frames = task.config.clip_frames(case.frontend)
    try:
        loss = task(encoder, **case.inputs(task, extra_frames=0))["loss"]
    except (RuntimeError, ValueError, IndexError) as error:
        raise AssertionError(
            f"clips of Config.clip_frames = {frames} frames are too short: {error}"
        ) from error
    assert torch.isfinite(loss), f"clips of {frames} frames (Config.clip_frames) give loss {loss}"


def encoder_sees_slices(case: PretextCase) -> None:
    """Check that the encoder receives inputs of `slice_frames` frames."""
    task, encoder = case.build()
    seen: set[int] = set()
    maps = encoder.maps

    def watched(logmel: Tensor) -> tuple[Tensor, Tensor]:
        seen.add(logmel.shape[3])
        return maps(logmel)

    encoder.maps = watched  # type: ignore[method-assign]  # for masks, tasks call it themselves
    task(encoder, **case.inputs(task))
    parts = [part for part in task.modules() if isinstance(part, Pretext)]  # of combined: several
    said = {part.config.slice_frames(case.frontend) for part in parts}
    assert seen == said, (
        f"the encoder was given inputs of {sorted(seen)} frames, and Config.slice_frames says "
        f"{sorted(said)}: an encoder that is trained on one length is worse on others"
    )


def forward_is_deterministic(case: PretextCase) -> None:
    """Check that `forward` draws nothing, and returns a scalar loss and the embedding."""
    task, encoder = case.build()
    task.eval()
    encoder.eval()
    inputs = case.inputs(task)
    first, again = task(encoder, **inputs), task(encoder, **inputs)
    assert first["loss"].ndim == 0, (
        f"forward gave a loss of shape {list(first['loss'].shape)}: expected a scalar"
    )
    assert torch.equal(first["loss"], again["loss"]), (
        "forward gave two losses for the same inputs: everything random belongs in draw"
    )
    shape = tuple(first["embedding"].shape)
    assert len(shape) == 2 and shape[1] == encoder.feature_dim, (
        f"forward gave an embedding of shape {list(shape)}: expected what the encoder returned, "
        f"[n, {encoder.feature_dim}]"
    )


def gradient_reaches_everything(case: PretextCase) -> None:
    """Check that the loss has a gradient for each trained parameter, and for the encoder also with
    a batch as small as `min_clips` allows."""
    task, encoder = case.build()
    task(encoder, **case.inputs(task))["loss"].backward()
    named = [*encoder.named_parameters(), *task.named_parameters()]
    without = [
        name
        for name, parameter in named
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert not without, (
        f"no gradient for {', '.join(without)}: use them in the loss, or set requires_grad to "
        "False (moving averages)"
    )
    _check_smallest_batch(case)


def _check_smallest_batch(case: PretextCase) -> None:
    """Check that a batch of `min_clips` clips gives the encoder a gradient."""
    task, encoder = case.build()
    count = task.clips_needed(task.config)
    clips, rng = case.clips(task)[:count], torch.Generator().manual_seed(3)
    name = case.kind.__name__
    try:
        if task.takes == "wav":
            inputs = task.inputs(LogMel(case.frontend), clips, rng)
        else:
            inputs = task.draw(clips, rng)
        loss = task(encoder, **inputs)["loss"]
        loss.backward()
    except (RuntimeError, ValueError, IndexError) as error:
        raise AssertionError(
            f"a batch of {count} clips ({name}.min_clips) is too small: {error}; raise min_clips"
        ) from error
    learned = any(p.grad is not None and p.grad.any() for p in encoder.parameters())
    assert torch.isfinite(loss) and learned, (
        f"a batch of {count} clips ({name}.min_clips) gives the loss {loss.item():g}, which "
        "teaches the encoder nothing: a task that compares clips has to say min_clips = 2"
    )


def learns_one_batch(case: PretextCase) -> None:
    """Check that training on one batch halves the loss, or reaches the goal of the case."""
    task, encoder = case.build()
    inputs = case.inputs(task)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *task.parameters()], lr=LEARNING_RATE)
    out = task(encoder, **inputs)
    first, floor = out["loss"].item(), case.lowest_loss(inputs)
    goal = case.goal or Goal("loss", at_most=(first + floor) / 2)
    before = out[goal.quantity].item()
    assert not goal.reached(out), f"{goal} is reached without training: expected a harder goal"
    for _ in range(LEARNING_STEPS):
        optimizer.zero_grad()
        out["loss"].backward()
        optimizer.step()
        out = task(encoder, **inputs)
        if goal.reached(out):
            return
    expected = goal if case.goal else f"half or less of what is above {floor:.4f} (lowest_loss)"
    raise AssertionError(
        f"the {goal.quantity} on one batch went from {before:.4f} to "
        f"{out[goal.quantity].item():.4f} in {LEARNING_STEPS} steps: expected {expected}"
    )


def state_round_trip(case: PretextCase) -> None:
    """Check that the state captures every difference between two instances."""
    task, encoder = case.build()
    other, _ = case.build()
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    other.load_state_dict(task.state_dict())
    for module in (task, other, encoder):
        module.eval()
    inputs = case.inputs(task)
    assert torch.equal(task(encoder, **inputs)["loss"], other(encoder, **inputs)["loss"]), (
        "another instance with the same state gives another loss: keep what is learned in "
        "parameters and buffers, or a resumed run differs"
    )


def state_is_private(case: PretextCase) -> None:
    """Check that the state, which leaves a device in federated training, holds no audio, and that
    it does not hold the encoder's weights a second time."""
    task, encoder = case.build()
    clips = case.clips(task)
    task.fit(clips)
    task(encoder, **case.inputs(task))["loss"].backward()
    task.after_step(encoder, 1, 10)
    own = {parameter.data_ptr() for parameter in task.parameters()}
    assert not own & {parameter.data_ptr() for parameter in encoder.parameters()}, (
        "the task keeps the encoder: a checkpoint would hold its weights twice. Take it as the "
        "argument of forward"
    )
    planted = _triples(clips)
    for name, tensor in task.state_dict().items():
        assert not planted & _triples(tensor), (
            f"{name} holds audio: state leaves a device in federated training. Register it with "
            "persistent=False"
        )


def hyper_parameters_are_checked(case: PretextCase) -> None:
    """Check that -1 raises an error for each hyper-parameter, in Config or when the task is
    built."""
    for field in dataclasses.fields(case.kind.Config):
        if isinstance(field.default, bool) or field.name in case.may_be_negative:
            continue
        assert _refuses(case, {**case.settings, field.name: -1}), (
            f"{field.name} = -1 was accepted: raise UserError in Config.__post_init__ for values "
            "that make no sense, or name it in may_be_negative"
        )


def _refuses(case: PretextCase, settings: dict[str, Any]) -> bool:
    encoder = Encoder(case.encoder, case.frontend.bands)
    try:
        case.kind(case.kind.Config(**settings), encoder, case.frontend)
    except (UserError, RuntimeError):
        return True
    return False


def _triples(tensor: Tensor) -> set[tuple[float, ...]]:
    """Neighboring values in the last dimension: one value may be equal by chance, three not."""
    rows = tensor.reshape(-1, tensor.shape[-1]) if tensor.ndim else tensor.reshape(1, 1)
    if rows.shape[1] < 3:
        return set()
    found = rows.unfold(1, 3, 1).flatten(0, 1)
    return {row for row in map(tuple, found.tolist()) if len(set(row)) == 3}


PRETEXT_CHECKS: tuple[Check, ...] = (
    describes_itself,
    draw_is_repeatable,
    needs_no_more_than_it_says,
    encoder_sees_slices,
    forward_is_deterministic,
    gradient_reaches_everything,
    learns_one_batch,
    prediction_sees_no_target,
    state_round_trip,
    state_is_private,
    hyper_parameters_are_checked,
)
