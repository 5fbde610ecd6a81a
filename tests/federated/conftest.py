"""Runs that several tests look at, each made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.federated_grid import federate


@pytest.fixture(scope="session", autouse=True)
def _cache_of_shared_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The cache of all tests, for fixtures that live longer than a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINY_AUDIO_SSL_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(scope="session")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rounds of four clients with the default settings, evaluated and probed."""
    run = tmp_path_factory.mktemp("plain") / "run"
    federate(run, probe_every=2, server_data="builtin:6")
    return run
