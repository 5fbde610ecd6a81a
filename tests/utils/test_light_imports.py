"""Imports that leave out parts of other packages, for the length of a block only."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tiny_audio_ssl.utils.light_imports import absent, not_run


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package `slow_parts` whose `__init__` defines `ran`, with a module `fast`."""
    folder = tmp_path / "slow_parts"
    folder.mkdir()
    (folder / "__init__.py").write_text("ran = True\n")
    (folder / "fast.py").write_text("number = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "slow_parts"
    for name in [name for name in sys.modules if name.partition(".")[0] == "slow_parts"]:
        del sys.modules[name]


def test_modules_are_imported_without_their_package(package: str):
    with not_run(package):
        assert importlib.import_module(f"{package}.fast").number == 7
        assert not hasattr(sys.modules[package], "ran")
    assert package not in sys.modules and f"{package}.fast" not in sys.modules
    assert importlib.import_module(package).ran


def test_package_that_has_run_stays(package: str):
    before = importlib.import_module(package)
    with not_run(package):
        assert sys.modules[package] is before
    assert sys.modules[package] is before


@pytest.mark.parametrize("name", ["no_such_package", "no_such_package.inner"])
def test_package_that_is_not_installed_stays_absent(name: str):
    with not_run(name), pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


def test_absent_module_can_be_imported_again(package: str):
    with absent(package), pytest.raises(ModuleNotFoundError):
        importlib.import_module(package)
    assert importlib.import_module(package).ran


def test_absent_module_is_there_for_other_threads(package: str):
    with absent(package), ThreadPoolExecutor(1) as other:
        assert other.submit(importlib.import_module, package).result().ran


def test_absent_for_some_importers_is_there_for_others(package: str, tmp_path: Path):
    (tmp_path / "a_user.py").write_text(f"import {package}\n")
    with absent(package, "a_library"):
        assert importlib.import_module("a_user")
    for name in ("a_user", package):
        del sys.modules[name]
    with absent(package, "a_library", "a_user"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("a_user")


PROGRAM_OF_A_USER = """
import sys, tiny_audio_ssl.cli as cli
import a_model_with_tables  # imports pandas when it is asked for its name
cli.run = lambda argv: print(a_model_with_tables.name()) or 0
cli.main([])
"""


def test_what_a_command_loads_may_import_pandas(tmp_path: Path):
    """ExecuTorch's inspector does, and models of users may."""
    model = "def name():\n    import pandas\n    return pandas.__name__\n"
    (tmp_path / "a_model_with_tables.py").write_text(model)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM_OF_A_USER],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "pandas\n", done.stderr
