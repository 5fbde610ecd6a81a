"""Sounds before and after in the page."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

import pytest
import soundfile
from support.runs import make_run, make_task_run

from tiny_audio_ssl.commands.report import Report
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext.configs.separation import SeparationConfig
from tiny_audio_ssl.report.enhanced import before_and_after

ENCODER = EncoderConfig(width=0.25)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("separating") / "run"
    return make_task_run(folder, "separation", SeparationConfig(slice_ms=475), ENCODER)


def test_page_plays_three_mixtures_and_what_is_in_them(run, tmp_path):
    page = tmp_path / "page.html"
    assert Report((str(run),), baselines=False, out=page).run() == 0
    text = page.read_text()
    assert "Before and after" in text
    sounds = re.findall(
        r'<audio controls preload="none" src="data:audio/mpeg;base64,([^"]+)"', text
    )
    assert len(sounds) == 3 * 3 and len(set(sounds)) == 9  # a mixture and two sounds each
    wave, rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0])))
    assert rate == 16_000 and 2.5 < len(wave) / rate < 3.2 and abs(wave).max() > 0.01


def test_pages_without_sounds_have_none(run, tmp_path):
    page = tmp_path / "page.html"
    assert Report((str(run),), baselines=False, audio_mb=0, out=page).run() == 0
    assert "Before and after" not in page.read_text()


def test_runs_without_sound_to_show(run, tmp_path):
    other = make_run(tmp_path / "other", ENCODER, recordings=2)
    assert before_and_after(other, checkpoint.load(other)) == []
    shutil.copytree(run / "last", tmp_path / "bare")
    assert before_and_after(tmp_path / "bare", checkpoint.load(tmp_path / "bare")) == []
