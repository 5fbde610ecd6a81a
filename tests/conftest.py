"""Fixtures that several tests use: a cache of their own, a seeded generator, real recordings."""

from __future__ import annotations

import gc
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

# Read once, when PyTorch is loaded, here and in the processes that tests start: the sums of two
# threads differ in their last bits, and threads of several tests wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

import torch
from support.made_once import made_once
from support.native_tools import missing_tools
from support.runs import make_model

from tiny_audio_ssl.models import names
from tiny_audio_ssl.models.bodies import ENCODERS
from tiny_audio_ssl.pretext import PRETEXTS

torch.set_num_threads(1)

# With Python's defaults the collector takes a seventh of the time: it looks through all of PyTorch.
gc.set_threshold(100_000, 20, 20)

# Files that take longest begin first, so that no process works alone at the end.
LONGEST = (
    "web/test_page_in_browser.py",
    "docs/test_site.py",
    "training/test_trainer.py",
    "contract/test_pretext.py",
    "federated/test_loopback.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    rank = {tests / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


def not_skipped(report: Any) -> Any:
    """In CI everything is installed, so that a skip there hides a failure."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    return not_skipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    return not_skipped((yield))


@pytest.fixture(scope="session", autouse=True)
def _isolated_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep tests out of the user's own cache. All share one, since building it takes time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINY_AUDIO_SSL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(params=sorted(PRETEXTS))
def task_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(ENCODERS))
def encoder_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def real_audio() -> Path:
    """The labeled recordings beside the project, or where TINY_AUDIO_SSL_DATA points."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TINY_AUDIO_SSL_DATA", beside))
    if not (folder / "esc50" / "meta.csv").is_file():
        pytest.skip(f"no recordings in {folder}; set TINY_AUDIO_SSL_DATA")
    return folder


@pytest.fixture(scope="session")
def teachers(real_audio: Path) -> Path:
    """The weights of other models to compare with and to learn from, beside the recordings."""
    folder = real_audio.parent / "teachers"
    if not folder.is_dir():
        pytest.skip(f"no weights in {folder}")
    return folder


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model `sample`, as `tiny_audio_ssl/weights` has those that are shipped."""
    return made_once(tmp_path_factory, "weights", lambda to: make_model(to / "sample"))


@pytest.fixture
def sample(sample_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model beside the shipped ones: narrow, with random weights."""
    monkeypatch.setattr(names, "FOLDERS", (*names.FOLDERS, sample_folder))
    return "sample"


@pytest.fixture(scope="session")
def native_tools():
    """The compilers and the emulator that tests of native programs need."""
    if missing := missing_tools():
        pytest.skip(f"apt-get install {' '.join(missing)}")


@pytest.fixture(scope="session")
def torchaudio():
    """torchaudio's transforms. Its compiled part wants CUDA libraries and is not needed here."""
    extension = types.ModuleType("torchaudio._extension")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension._check_cuda_version = lambda: None
    extension.fail_if_no_align = lambda function: function
    sys.modules.setdefault("torchaudio._extension", extension)
    import torchaudio

    return torchaudio
