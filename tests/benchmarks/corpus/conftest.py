"""A Debian archive of small packages, and the modules of benchmarks/corpus as it imports them."""

from __future__ import annotations

import hashlib
import importlib
import io
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import soundfile
from support.paths import ROOT

FOLDER = ROOT / "benchmarks" / "corpus"
MODULES = ("assembly", "folders", "licenses", "packages", "sounds", "summary", "windows")
APT_CACHE = """#!/bin/sh
shift 2
for name; do [ -f "{archive}/$name.show" ] && cat "{archive}/$name.show"; done
true
"""
APT_GET = """#!/bin/sh
name=${{2%%=*}}
echo "$name" >> "{archive}/downloads"
cp "{archive}/$name.deb" "./$name.deb" 2>/dev/null && exit 0
echo "E: Failed to fetch $name: Temporary failure resolving 'deb.invalid'" >&2
exit 100
"""


@pytest.fixture(scope="session")
def corpus():
    """The modules by name, and `main`: the module of the command."""
    names = (*MODULES, "corpus_main")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        loaded = {name: importlib.import_module(name) for name in MODULES}
        spec = importlib.util.spec_from_file_location("corpus_main", FOLDER / "__main__.py")
        main = sys.modules["corpus_main"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(main)
        yield SimpleNamespace(**loaded, main=main)
    for name in names:
        del sys.modules[name]


def noise(seconds: float, seed: int = 0, level: float = 0.1) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal(round(seconds * 16_000))
    return (level * samples).astype(np.float32)


def encoded(waveform: np.ndarray, format: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, waveform, 16_000, format=format)
    return file.getvalue()


@pytest.fixture
def sound() -> Callable[..., bytes]:
    """Give the bytes of a WAV file of noise: `sound(seconds, seed, level)`."""
    return lambda *given, **named: encoded(noise(*given, **named))


class Archive:
    """Packages that the made-up apt offers, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        name: str,
        files: Mapping[str, bytes],
        copyright: str = "",
        version: str = "1.0-1",
        sha256: str = "",
    ) -> None:
        root = self.folder / "tree" / name
        shutil.rmtree(root, ignore_errors=True)
        for path, content in files.items():
            target = root / "usr/share" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        document = root / "usr/share/doc" / name / "copyright"
        document.parent.mkdir(parents=True)
        document.write_text(copyright)
        control = root / "DEBIAN" / "control"
        control.parent.mkdir()
        fields = f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
        control.write_text(f"{fields}Maintainer: A <a@b.invalid>\nDescription: sounds\n")
        deb = self.folder / f"{name}.deb"
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(root), str(deb)]
        subprocess.run(command, check=True, capture_output=True)
        sha256 = sha256 or hashlib.sha256(deb.read_bytes()).hexdigest()
        shown = f"{fields}Size: {deb.stat().st_size}\nSHA256: {sha256}\n\n"
        (self.folder / f"{name}.show").write_text(shown)

    def remove(self, name: str) -> None:
        (self.folder / f"{name}.show").unlink()

    @property
    def downloads(self) -> list[str]:
        """Names of packages in the order in which they were asked for."""
        log = self.folder / "downloads"
        return log.read_text().split() if log.is_file() else []


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    if shutil.which("dpkg-deb") is None:
        pytest.skip("no dpkg-deb: this is not Debian or a system like it")
    folder, programs = tmp_path / "archive", tmp_path / "programs"
    for path in (folder, programs):
        path.mkdir()
    for name, script in {"apt-cache": APT_CACHE, "apt-get": APT_GET}.items():
        (programs / name).write_text(script.format(archive=folder))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return Archive(folder)


@pytest.fixture
def packages_toml(corpus: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write the list of packages that the command knows."""

    def write(text: str) -> ModuleType:
        path = tmp_path / "packages.toml"
        path.write_text(text)
        monkeypatch.setattr(corpus.main, "LIST", path)
        return corpus.main

    return write
