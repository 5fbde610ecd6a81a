"""Recordings that share sound are found by their samples, not by names, dates or formats."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.audio_files import noise, write

from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.copies import count_copies, shared_sound, without_copies
from tiny_audio_ssl.data.corpus import open_corpus

RATE_HZ = 16_000


def opened(folder: Path, rows: list[str] | None = None) -> Recordings:
    source = folder
    if rows:
        source = folder / "list.csv"
        source.write_text("\n".join(["path,start_s,end_s", *rows]) + "\n")
    return open_cache(open_corpus(source), folder / "cache", workers=1, progress=False)


def sounds(recordings: Recordings) -> dict[str, int]:
    numbers = shared_sound(recordings, recordings.contents()).tolist()
    return {clip.name: number for clip, number in zip(recordings.clips, numbers, strict=True)}


@pytest.mark.parametrize("kind", ["s24.wav", "float.wav", "rf64.wav", "flac", "aiff", "caf"])
def test_lossless_copies_share_a_sound(kind: str, tmp_path: Path) -> None:
    wave = np.round(noise(1.0) * 2**15) / 2**15
    write(tmp_path / "a.wav", wave)
    write(tmp_path / f"other.{kind.split('.')[-1]}", wave, kind=kind)
    write(tmp_path / "z.wav", noise(1.0, seed=1))
    found = opened(tmp_path)
    assert len(set(sounds(found).values())) == 2
    assert count_copies(found.contents()) == 1
    assert [clip.name for clip in without_copies(found).clips] == ["a.wav", "z.wav"]


def test_links_and_copies_with_other_dates_share_a_sound(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", noise(1.0))
    shutil.copy(tmp_path / "a.wav", tmp_path / "b.wav")
    os.utime(tmp_path / "b.wav", (1, 1))
    os.symlink("a.wav", tmp_path / "c.wav")
    assert set(sounds(opened(tmp_path)).values()) == {0}


@pytest.mark.parametrize("other", ["a.wav", "copy.wav", "copy.flac"])
def test_parts_that_overlap_share_a_sound_also_in_a_copy(other: str, tmp_path: Path) -> None:
    wave = np.round(noise(4.0) * 2**15) / 2**15
    for name in {"a.wav", other}:
        write(tmp_path / name, wave)
    found = opened(tmp_path, ["a.wav,0,2", f"{other},1.5,3", f"{other},3,4"])
    first, second, third = shared_sound(found, found.contents()).tolist()
    assert first == second != third
    assert count_copies(found.contents()) == 0


def test_recordings_of_one_length_differ(tmp_path: Path) -> None:
    for seed in range(5):
        write(tmp_path / f"{seed}.wav", noise(0.5, seed=seed))
    assert len(set(sounds(opened(tmp_path)).values())) == 5


def test_content_of_a_long_recording_is_that_of_its_parts(tmp_path: Path) -> None:
    """Hashes are computed a minute at a time."""
    write(tmp_path / "a.wav", noise(130.0))
    found = opened(tmp_path, ["a.wav,0,130", "a.wav,1,130", "a.wav,,"])
    whole, part, again = found.contents()
    assert whole == again != part and whole == found.content(0)
