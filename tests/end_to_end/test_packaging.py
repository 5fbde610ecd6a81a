"""The installed package holds every file of the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.paths import ROOT

from tiny_audio_ssl.export import web

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_torch_is_the_series_that_executorch_is_built_for():
    import torch

    pinned = next(d for d in SETTINGS["project"]["dependencies"] if d.startswith("torch>"))
    series = ".".join(torch.__version__.split(".")[:2])
    assert f">={series}," in pinned


def tracked(*folders: str) -> list[str]:
    command = ["git", "ls-files", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [file for file in listed.split() if (ROOT / file).is_file()]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, sample_folder: Path) -> Path:
    """A wheel of the tree with one model more, unpacked as pip does it."""
    work = tmp_path_factory.mktemp("wheel")
    tree = work / "tree"
    for file in tracked(
        "tiny_audio_ssl", "export", "pyproject.toml", "setup.py", "LICENSE", "*.md"
    ):
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, tree / file)
    shutil.copytree(sample_folder / "sample", tree / "tiny_audio_ssl" / "weights" / "sample")
    if (web.BUILT / web.START).is_file():  # tests of the page fail without, where npm is expected
        shutil.copytree(web.BUILT, tree / web.BUILT.relative_to(ROOT))
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(work), str(tree)], check=True)
    (wheel,) = work.glob("*.whl")
    site = work / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True)
    return site


def test_wheel_works_from_another_folder(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    modules = "tiny_audio_ssl, tiny_audio_ssl.export, tiny_audio_ssl.commands"
    places = run("-c", f"import {modules}; print(tiny_audio_ssl.export.__file__)")
    assert places.startswith(str(installed))
    files = tracked("tiny_audio_ssl")
    assert [file for file in files if not (installed / file).is_file()] == []
    recipes = installed / "tiny_audio_ssl" / "export" / "recipes"
    for recipe in (ROOT / "export").glob("*.toml"):
        assert (recipes / recipe.name).read_bytes() == recipe.read_bytes()
    page = [file.relative_to(web.BUILT) for file in web.BUILT.rglob("*") if file.is_file()]
    packed = installed / "tiny_audio_ssl" / "export" / "page"
    assert [file for file in page if not (packed / file).is_file()] == []
    listed = json.loads(run("-m", "tiny_audio_ssl", "models", "--json"))
    assert "sample" in [model["name"] for model in listed]
    for model in listed:
        assert run("-m", "tiny_audio_ssl", "embed", model["name"], "builtin:1", "--out", "x.npy")
        assert Path(model["folder"]).is_relative_to(installed)
        assert (Path(model["folder"]) / "MODEL_CARD.md").is_file()
    made = ["pretrain", "builtin:2", "--out", "run", "--steps", "2", "--batch-size", "4"]
    forms = ["--format", "onnx", "--precision", "fp32", "--input", "mel", "--parity-clips", "4"]
    export = ["export", "run", "--recipe", "fastest", *forms]
    both = f"assert cli.run({made}) == 0; assert cli.run({export}) == 0"
    run("-c", f"from tiny_audio_ssl import cli; {both}")
    assert (tmp_path / "run" / "export" / "encoder.mel.fp32.onnx").is_file()
    assert run("-m", "tiny_audio_ssl", "--version").startswith("tiny-audio-ssl ")
    run("-m", "tiny_audio_ssl.federated.app_project", "app")
    assert (tmp_path / "app" / "pyproject.toml").is_file()
