"""Replicas of the published datasets, and a manifest with a few columns."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.audio_files import tone, write
from support.replicas import REPLICAS, Replica

from tiny_audio_ssl.evaluation.datasets import DATASETS


@pytest.fixture(scope="session")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each layout, read only; tests that change one use `copied`."""
    made: dict[Callable[[Replica], None], Path] = {}
    for name, make in REPLICAS.items():
        if make not in made:
            made[make] = tmp_path_factory.mktemp(name)
            make(Replica(made[make]))
    return {name: made[make] for name, make in REPLICAS.items()}


@pytest.fixture
def copied(replicas: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(replicas[name], tmp_path / name))

    return copy


@pytest.fixture(params=sorted(DATASETS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    for name in "abcd":
        write(tmp_path / f"{name}.wav", tone(0.05))
    path = tmp_path / "labels.csv"
    path.write_text("path,label,day,loud\na.wav,x,1,y\nb.wav,y,1,n\nc.wav,x,2,y\nd.wav,,2,y\n")
    return path
