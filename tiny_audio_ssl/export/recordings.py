"""Windows of recordings for calibrating an export and for comparing its artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tiny_audio_ssl.audio import synthetic
from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ, SILENCE_PEAK
from tiny_audio_ssl.audio.waveform import half_range
from tiny_audio_ssl.data.corpus import Clip, open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.windows import Window, draw, stack
from tiny_audio_ssl.training.run_recordings import CONTENT

RECORDINGS = "recordings.csv"
QUIET_GAIN = 0.01  # -40 dB
UNFAMILIAR_SEED = 1_000_000  # not among the built-in sounds, which start at 0
FEWEST_CALIBRATION_WINDOWS = 8  # with sound in them; ranges of fewer clip what comes later


@dataclass(frozen=True)
class ExportWindows:
    """Windows for calibration, others for comparison, and notes for the user about them."""

    calibration: list[Window]
    comparison: list[Window]
    notes: list[str]


def windows_of(
    run: Path, source: str | None, samples: int, *, calibrate: int, compare_on: int, seed: int
) -> ExportWindows:
    """Draw windows of a run's recordings, or of `source`.

    Args:
        samples: length of a window.
        calibrate, compare_on: numbers of windows wanted.

    Raises `UserError`: no recordings, none of that length, too few with sound to quantize by.
    """
    if not calibrate and not compare_on:
        return ExportWindows([], [], [])
    train, held_out = recordings_of(run, source)
    rng = np.random.default_rng(seed)
    calibrated = draw(train, samples, calibrate, rng)
    if calibrate:
        _check_calibration(calibrated, source)
    paths = {window.path for window in calibrated}
    used = {_sound(clip) for clip in train if str(clip.path) in paths}
    compared: list[Window] = []
    rest = [clip for clip in train if _sound(clip) not in used]
    # Recordings that nothing was fitted on come first, then the rest of the others.
    for clips in (held_out, rest, train):
        missing = compare_on - len(compared)
        compared += draw(clips, samples, missing, rng, avoid=[*calibrated, *compared])
    notes = []
    for wanted, found, what in (
        (calibrate, calibrated, "quantize by"),
        (compare_on, compared, "compare on"),
    ):
        if wanted and len(found) < (2 if found is compared else 1):
            raise UserError(
                f"no recording has enough windows of {1000 * samples / SAMPLE_RATE_HZ:g} ms to "
                f"{what}; use a shorter --window-ms, or name other recordings with --calibration"
            )
        if len(found) < wanted:
            notes.append(f"only {len(found)} of {wanted} windows to {what} could be found")
    return ExportWindows(calibrated, compared, notes)


def _sound(clip: Clip) -> str:
    """Return a key that copies of a recording share, as far as the run's list identifies them."""
    return clip.columns.get(CONTENT) or str(clip.path)


def other_sound(comparison: Sequence[Window]) -> dict[str, Tensor]:
    """Return sound that int8 was not calibrated on, by kind: waveforms [windows, samples].

    `quiet`: the windows of `comparison` at -40 dB. `unfamiliar`: windows of synthetic sounds, four
    of each class. Empty where there is nothing to compare on.
    """
    if not comparison:
        return {}
    own = stack(comparison)
    made = [
        np.resize(synthetic.make(label, UNFAMILIAR_SEED + take), own.shape[1])
        for take in range(4)
        for label in synthetic.SOUNDS
    ]
    return {"quiet": QUIET_GAIN * own, "unfamiliar": torch.from_numpy(np.stack(made))}


def _check_calibration(windows: Sequence[Window], source: str | None) -> None:
    loud = sum(half_range(window.waveform) >= SILENCE_PEAK for window in windows)
    if loud < FEWEST_CALIBRATION_WINDOWS:
        raise UserError(
            f"int8 is calibrated on {source or 'the recordings of the run'}, of which "
            f"{len(windows)} windows were drawn, {loud} with sound (a peak of -60 dB or more); "
            f"expected at least {FEWEST_CALIBRATION_WINDOWS}: name recordings like those in use "
            "with --calibration, raise --calibration-clips, shorten --window-ms, or export "
            "--precision fp32 alone"
        )


def recordings_of(run: Path, source: str | None) -> tuple[list[Clip], list[Clip]]:
    """Return the recordings that the run was trained on, and those held out."""
    if source is None and not (run / RECORDINGS).is_file():
        raise UserError(
            f"{run}: no {RECORDINGS} there, so there is no sound to calibrate on or to compare on; "
            "name recordings with --calibration"
        )
    if source is not None:  # a column `split` of the user's own table has another meaning
        return list(open_corpus(source).clips), []
    clips = open_corpus(run / RECORDINGS).clips
    held_out = [clip for clip in clips if clip.columns.get("split") == "held_out"]
    train = [clip for clip in clips if clip.columns.get("split") != "held_out"]
    # With very few recordings there may be only one side.
    return (train or held_out), held_out
