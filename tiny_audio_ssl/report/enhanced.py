"""Sounds before and after: mixtures of held-out recordings, and what a run's task makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.recordings import RECORDINGS, windows_of
from tiny_audio_ssl.export.windows import stack
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.names import home_of
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.parts.masks import Masking
from tiny_audio_ssl.pretext.registry import TASKS
from tiny_audio_ssl.report.listening import mp3_text
from tiny_audio_ssl.training.run_settings import settings_of
from tiny_audio_ssl.training.run_task import load_task

SHOWN = 3
DRAWN = 8  # recordings that are mixed with one another
LONGEST_S = 3.0


@dataclass(frozen=True)
class BeforeAfter:
    """One mixture, and the sounds that were found in it: MP3 in base64."""

    recording: str  # the file's name
    before: str
    after: Sequence[str]


def before_and_after(run: str | Path, loaded: Checkpoint) -> list[BeforeAfter]:
    """Mix recordings of a run as its task does, and enhance or separate three of them.

    Empty for tasks that give no waveforms, and for runs without their recordings or heads.
    """
    name = str(loaded.run.get("task"))
    home = home_of(run)
    gives_sound = name in TASKS and issubclass(pretext_class(name), Masking)
    if loaded.facts is not None or not gives_sound or not (home / RECORDINGS).is_file():
        return []
    try:
        return _sounds(home, loaded)
    except UserError:  # recordings that have moved, or are shorter than the window
        return []


@torch.no_grad()
def _sounds(home: Path, loaded: Checkpoint) -> list[BeforeAfter]:
    settings, frontend = settings_of(loaded), loaded.model.frontend
    slice_s = frontend.config.ms(settings.pretext.slice_frames(frontend.config)) / 1000
    longer = replace(settings.pretext, slices=max(1, int(LONGEST_S / slice_s)))
    task, _ = load_task(loaded, replace(settings, pretext=longer))
    assert isinstance(task, Masking)
    product = task.eval().product(frontend, loaded.model.encoder)
    if product is None:
        return []
    windows = windows_of(home, None, task.samples, calibrate=0, compare_on=DRAWN, seed=0).comparison
    drawn = task.draw(stack(windows), torch.Generator().manual_seed(0))
    before = drawn["mixture"][:SHOWN]
    after = product.module(before).reshape(len(before), -1, before.shape[1])
    return [
        BeforeAfter(Path(window.path).name, _mp3(mixture), [_mp3(sound) for sound in sounds])
        for window, mixture, sounds in zip(windows, before, after, strict=False)
    ]


def _mp3(wave: Tensor) -> str:
    return mp3_text(wave.clamp(-1, 1).numpy())
