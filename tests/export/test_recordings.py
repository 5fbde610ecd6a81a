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


def test_a_constant_offset_is_no_sound_to_calibrate_on(tmp_path):
    for i in range(12):
        wave = 0.5 + 5e-4 * chord(i, 1.5)
        write(tmp_path / f"sounds/{i}.wav", wave.astype(np.float32), kind="float.wav")
    with pytest.raises(UserError, match="0 with sound"):
        windows_of(tmp_path, str(tmp_path / "sounds"), SAMPLES, calibrate=64, compare_on=4, seed=0)


def test_a_column_split_of_the_users_own_is_only_text(tmp_path):
    recordings(tmp_path, 1.0, 12)
    rows = "".join(f"{i}.wav,held_out\n" for i in range(12))
    (tmp_path / "list.csv").write_text(f"path,split\n{rows}")
    found = windows_of(
        tmp_path, str(tmp_path / "list.csv"), 8000, calibrate=8, compare_on=4, seed=0
    )
    compared = {window.path for window in found.comparison}
    assert compared and not compared & {window.path for window in found.calibration}
