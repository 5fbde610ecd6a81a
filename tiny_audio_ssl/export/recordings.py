"""Which sound an export quantises by and compares on: windows of the run's own recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.corpus import Clip, open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.windows import Window, draw

RECORDINGS = "recordings.csv"
FEWEST_PARITY_WINDOWS = 100
FEWEST_CALIBRATION_WINDOWS = 8  # with sound in them; ranges of fewer clip what comes later
SILENCE = 1e-3  # peak: -60 dB of full scale


def windows_of(
    run: Path, source: str | None, samples: int, calibrate: int, compare_on: int, seed: int
) -> tuple[list[Window], list[Window], list[str]]:
    """Windows to quantise by, others to compare on, and what to tell of them."""
    if not calibrate and not compare_on:
        return [], [], []
    train, held_out = _recordings(run, source)
    rng = np.random.default_rng(seed)
    calibrated = draw(train, samples, calibrate, rng)
    if calibrate:
        _check_calibration(calibrated, source)
    used = {window.path for window in calibrated}
    compared: list[Window] = []
    rest = [clip for clip in train if str(clip.path) not in used]
    # Recordings that nothing was fitted on come first, then the rest of the others.
    for clips in (held_out, rest, train):
        missing = compare_on - len(compared)
        compared += draw(clips, samples, missing, rng, avoid=[*calibrated, *compared])
    notes = []
    for wanted, found, what in (
        (calibrate, calibrated, "quantise by"),
        (compare_on, compared, "compare on"),
    ):
        if wanted and len(found) < (2 if found is compared else 1):
            raise UserError(
                f"no recording has enough windows of {1000 * samples / SAMPLE_RATE_HZ:g} ms to "
                f"{what}; use a shorter --window-ms, or name other recordings with --calibration"
            )
        if len(found) < wanted:
            notes.append(f"only {len(found)} of {wanted} windows to {what} could be found")
    return calibrated, compared, notes


def _check_calibration(windows: Sequence[Window], source: str | None) -> None:
    loud = sum(float(np.abs(window.waveform).max()) >= SILENCE for window in windows)
    if loud < FEWEST_CALIBRATION_WINDOWS:
        raise UserError(
            f"int8 is quantised by {source or 'the recordings of the run'}, of which "
            f"{len(windows)} windows were drawn, {loud} with sound (a peak of -60 dB or more); "
            f"expected at least {FEWEST_CALIBRATION_WINDOWS}: name recordings like those it will "
            "hear with --calibration, raise --calibration-clips, shorten --window-ms, or export "
            "--precision fp32 alone"
        )


def _recordings(run: Path, source: str | None) -> tuple[list[Clip], list[Clip]]:
    """Recordings that the run was trained on, and those held out."""
    if source is None and not (run / RECORDINGS).is_file():
        raise UserError(
            f"{run}: no {RECORDINGS} there, so there is no sound to quantise by or compare on; "
            "name recordings with --calibration"
        )
    clips = open_corpus(source or run / RECORDINGS).clips
    held_out = [clip for clip in clips if clip.columns.get("split") == "held_out"]
    train = [clip for clip in clips if clip.columns.get("split") != "held_out"]
    # With very few recordings there may be only one side.
    return (train or held_out), held_out
