"""Sound to quantize by and to compare on: too little, or none with sound in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.audio_files import write
from support.runs import chord

from tiny_audio_ssl import UserError
from tiny_audio_ssl.export.recordings import windows_of

SAMPLES = 24_000  # as long as each recording: one window of each


def recordings(folder: Path, level: float, count: int) -> str:
    """Recordings of 1.5 s with this peak."""
    for i in range(count):
        wave = chord(i, 1.5)
        write(folder / f"{i}.wav", (level * 0.9 * wave / np.abs(wave).max()).astype(np.float32))
    return str(folder)


@pytest.mark.parametrize(
    ("level", "count", "said"),
    [(1e-3, 12, "0 with sound"), (1.0, 5, "5 windows were drawn, 5 with sound")],
)
def test_a_calibration_set_without_sound_is_refused(tmp_path, level, count, said):
    source = recordings(tmp_path / "sounds", level, count)
    with pytest.raises(UserError, match=said) as told:
        windows_of(tmp_path, source, SAMPLES, calibrate=64, compare_on=4, seed=0)
    assert "--calibration" in str(told.value) and source in str(told.value)


def test_the_same_seed_draws_the_same_windows(tmp_path):
    source = recordings(tmp_path / "sounds", 1.0, 10)
    first, again, other = (
        windows_of(tmp_path, source, 8000, calibrate=8, compare_on=4, seed=seed)
        for seed in (0, 0, 1)
    )
    assert first.calibration == again.calibration and first.comparison == again.comparison
    assert first.calibration != other.calibration
