"""The public API: every function can be imported, is documented, and its example runs."""

from __future__ import annotations

import doctest
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

import tiny_audio_ssl
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.testing import check_encoder, check_pretext
from tiny_audio_ssl.training.config import PretrainConfig

FUNCTIONS = [name for name in tiny_audio_ssl.__all__ if name not in ("UserError", "__version__")]
TINY = {"encoder": EncoderConfig(width=0.25), "steps": 4, "batch_size": 4, "accelerator": "cpu"}


def implementation(name: str):
    """The function behind a public name: a callable package stands for one of another module."""
    homes = {
        "bench": "tiny_audio_ssl.bench.run",
        "export": "tiny_audio_ssl.export.exporter",
    }
    if name in homes:
        return getattr(importlib.import_module(homes[name]), name)
    return getattr(tiny_audio_ssl, name)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the examples speak of: the run `runs/mine`, its export, `runs/units`."""
    folder = tmp_path_factory.mktemp("examples")
    run = folder / "runs" / "mine"
    tiny_audio_ssl.pretrain("builtin:4", run, progress=False, **TINY)
    tiny_audio_ssl.export(run, input="waveform", precision="fp32", parity_clips=4)
    tiny_audio_ssl.pretrain(
        "builtin:4", folder / "runs" / "units", task="vq-wav2vec", progress=False, **TINY
    )
    return folder


@pytest.mark.parametrize("name", [*FUNCTIONS, "check_pretext", "check_encoder"])
def test_example_runs(name: str, prepared: Path, tmp_path: Path, monkeypatch):
    shutil.copytree(prepared, tmp_path / "examples", symlinks=True)
    monkeypatch.chdir(tmp_path / "examples")
    checks = {"check_pretext": check_pretext, "check_encoder": check_encoder}
    function = checks.get(name) or implementation(name)
    finder = doctest.DocTestFinder(recurse=False)
    examples = [test for test in finder.find(function, name) if test.examples]
    assert examples, f"{name} has no example"
    for test in examples:
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
        assert result.failed == 0


def test_examples_of_the_page_run(prepared: Path, tmp_path: Path, monkeypatch):
    shutil.copytree(prepared, tmp_path / "examples", symlinks=True)
    monkeypatch.chdir(tmp_path / "examples")
    shutil.rmtree("runs/mine")  # which the page makes
    page = str(ROOT / "docs" / "api.md")
    result = doctest.testfile(page, module_relative=False, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0 and result.attempted > 10


def test_page_names_every_public_function():
    page = (ROOT / "docs" / "api.md").read_text()
    assert [name for name in FUNCTIONS if f"tiny_audio_ssl.{name}(" not in page] == []


def test_names_are_listed_and_others_refused():
    assert set(tiny_audio_ssl.__all__) <= set(dir(tiny_audio_ssl))
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        tiny_audio_ssl.train  # noqa: B018


def test_packages_of_the_same_name_stay_functions():
    """Importing a module of `export` or `bench` must not hide the function of that name."""
    code = (
        "import tiny_audio_ssl.export.forms, tiny_audio_ssl.bench.rows\n"
        "from tiny_audio_ssl import bench, export\n"
        "assert callable(bench) and callable(export)\n"
        "assert export.forms.__name__ == 'tiny_audio_ssl.export.forms'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, tiny_audio_ssl; sys.exit(not {'torch', 'numpy'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_settings_can_be_changed_by_name():
    config = PretrainConfig().changed(task="audio2vec-cbow", steps=7)
    assert config == PretrainConfig("audio2vec-cbow").changed(steps=7)
    assert config.training.steps == 7 and config.encoder.slice_frames == 16
    assert config.changed() == config
    with pytest.raises(UserError, match=r"no setting stepps; choose from .*, steps,"):
        config.changed(stepps=3)
