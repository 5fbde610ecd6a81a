"""Taught sounds that the app and the page for browsers hand to each other in a file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.backgrounds import synthetic_background
from support.web_library import ask, built_page

from tiny_audio_ssl.embedding.taught_sounds import TaughtSounds

SHA256, SIZE = "ab" * 32, 8
NAMES = {
    "Kettle": 2,
    "Türklingel": 1,
    "¿Qué fue? «é»": 1,
    "犬の鳴き声": 2,
    "🐶" * 40: 1,
    'a "b" \\ </c>': 1,
}
Tool = Callable[..., str]


@pytest.fixture(scope="module")
def tool(federated_app: Path) -> Tool:
    """Run the app's own classes, and return what they print."""

    def run(*arguments: object) -> str:
        command = ["java", f"@{federated_app / 'java.args'}", "org.tinyaudiossl.encoder.ToolKt"]
        done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def in_app(tool: Tool, text: str, place: Path) -> Any:
    place.write_text(text, encoding="utf-8")
    return json.loads(tool("read-sounds", place, SHA256, SIZE))


def on_page(text: str) -> Any:
    return ask("readSounds", text=text, sha256=SHA256, size=SIZE)


def from_app(tool: Tool, names: dict[str, int], place: Path, sha256: str = SHA256) -> str:
    given, out = place / "names.json", place / "sounds.json"
    given.write_text(json.dumps(names), encoding="utf-8")
    tool("write-sounds", out, sha256, given)
    return out.read_text(encoding="utf-8")


def from_page(names: dict[str, int], sha256: str = SHA256) -> str:
    text: str = ask("writeSounds", sha256=sha256, names=list(names.items()), size=SIZE)
    return text


def check_same(found: Any, other: Any) -> None:
    """Check that both sides found the same sounds, at the same distances."""
    assert found["counts"] == other["counts"] == [list(item) for item in NAMES.items()]
    assert found["threshold"] == pytest.approx(0.3) and other["threshold"] == pytest.approx(0.3)
    assert [name for name, _ in found["nearest"]] == [name for name, _ in other["nearest"]]
    distances = [distance for _, distance in found["nearest"]]
    assert distances == pytest.approx([distance for _, distance in other["nearest"]], abs=1e-6)
    assert len(distances) == SIZE and 0 < max(distances) < 1


def test_the_app_reads_what_the_page_wrote(tool, tmp_path):
    built_page()
    text = from_page(NAMES)
    check_same(in_app(tool, text, tmp_path / "sounds.json"), on_page(text))
    assert in_app(tool, from_page({}), tmp_path / "sounds.json")["counts"] == []
    other = in_app(tool, from_page(NAMES, "cd" * 32), tmp_path / "sounds.json")
    assert "taught to another encoder" in other["refused"]
    assert "not a file" in in_app(tool, text[:-9], tmp_path / "sounds.json")["refused"]


def test_the_page_reads_what_the_app_wrote(tool, tmp_path):
    built_page()
    text = from_app(tool, NAMES, tmp_path)
    check_same(on_page(text), in_app(tool, text, tmp_path / "sounds.json"))
    assert on_page(from_app(tool, {}, tmp_path))["counts"] == []
    assert "taught to another encoder" in on_page(from_app(tool, NAMES, tmp_path, "cd" * 32))


def test_both_compare_sounds_with_a_background_as_python_does(tool, tmp_path):
    built_page()
    how = synthetic_background(SIZE, directions=2, sounds=6)
    content = {
        **{"format_version": 3, "sample_rate_hz": 16_000, "window_samples": 15_600},
        **{"versions": {"tiny-audio-ssl": "0"}, "encoder": {}, "artifacts": []},
        "frontend": {"window_ms": 25, "hop_ms": 10, "bands": 64, "min_hz": 60, "max_hz": 7800},
        "background": how.write(tmp_path),
    }
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    text = from_app(tool, NAMES, tmp_path)
    sounds = TaughtSounds(comparison=how, limit=0.3)
    for name, vectors in json.loads(text)["sounds"].items():
        for vector in vectors:
            sounds = sounds.taught(name, vector)
    expected = [sounds.nearest(axis) for axis in np.eye(SIZE)]
    assert {match.known for match in expected} == {True, False}
    file = tmp_path / "sounds.json"
    in_kotlin = json.loads(tool("read-sounds", file, SHA256, SIZE, tmp_path))
    in_browser = ask("readSounds", text=text, sha256=SHA256, size=SIZE, folder=str(tmp_path))
    plain = on_page(text)
    for found in (in_kotlin, in_browser):
        assert found["known"] == [match.known for match in expected]
        for (name, distance), match in zip(found["nearest"], expected, strict=True):
            assert (name, distance) == (match.name, pytest.approx(match.distance, abs=1e-5))
    assert plain["nearest"] != in_browser["nearest"]
    (tmp_path / "background.bin").write_bytes(b"x" * content["background"]["bytes"])
    refused = json.loads(tool("read-sounds", file, SHA256, SIZE, tmp_path))["refused"]
    assert "background.bin: not the file that the manifest describes" in refused
