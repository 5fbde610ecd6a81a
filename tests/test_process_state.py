"""Calls of the library leave the process as it was, from whatever thread they come."""

import asyncio
import json
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny_audio_ssl
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.training.trainer import TrainingResult

SMALL = PretrainConfig(training=TrainingConfig(steps=2, batch_size=4))


def process_state() -> dict[str, Any]:
    """Return what a library could change for the whole process."""
    return {
        "signals": {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)},
        "torch threads": torch.get_num_threads(),
        "torch random": torch.get_rng_state().tolist(),
        "NumPy random": str(np.random.get_state()),
        "Python random": random.getstate(),
        "environment": dict(os.environ),
        "warnings": list(warnings.filters),
        "logging": (logging.root.manager.disable, logging.root.level, list(logging.root.handlers)),
        "streams": (sys.stdout, sys.stderr),
        "descriptor 2": (os.fstat(2).st_dev, os.fstat(2).st_ino),
        "folder": os.getcwd(),
        "dtype": torch.get_default_dtype(),
        "gradients": torch.is_grad_enabled(),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "threads": {t.name for t in threading.enumerate() if not t.daemon},
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning),
        "paths": list(sys.path),
        "NumPy errors": np.geterr(),
        "levels": {name: logging.getLogger(name).level for name in logging.root.manager.loggerDict},
        "matrix products": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "tiny numbers": (torch.full((8,), 1e-39) * 2).tolist(),  # 0 if flushed
        "locale": locale.setlocale(locale.LC_ALL),
        "limits": resource.getrlimit(resource.RLIMIT_NOFILE),
    }


def pretrain(run: Path) -> TrainingResult:
    return tiny_audio_ssl.pretrain("builtin:2", run, SMALL, progress=False)


def export(run: Path, folder: Path) -> Any:
    pytest.importorskip("executorch")
    pytest.importorskip("onnxruntime")
    return tiny_audio_ssl.export(run, folder, precision="fp32", input="mel", parity_clips=2)


@pytest.fixture(scope="module")
def exported(run: Path) -> Path:
    export(run, run / "export")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "run"
    pretrain(folder)
    return folder


CALLS: dict[str, Callable[[Path, Path], Any]] = {
    "pretrain": lambda run, new: pretrain(new),
    "resume": lambda run, new: tiny_audio_ssl.resume(run, progress=False),
    "embed": lambda run, new: tiny_audio_ssl.embed(run, "builtin:2"),
    "load": lambda run, new: tiny_audio_ssl.load(run).embed(np.zeros(16_000)),
    "failed pretrain": lambda run, new: pretrain(new.parent / "missing" / "\0"),
}
# They take seconds, so each has one caller.
SLOW_CALLS: dict[str, Callable[[Path, Path], Any]] = {
    "probe": lambda run, new: tiny_audio_ssl.probe(
        run, data="builtin:4", group="group", folds=2, protocols=("linear", "knn")
    ),
    "export": lambda run, new: export(run, new),
    "verify": lambda run, new: tiny_audio_ssl.verify(run / "export"),
    "bench": lambda run, new: tiny_audio_ssl.bench(run / "export", runs=2, rounds=1, warm_up=1),
}


def call(name: str, run: Path, new: Path) -> None:
    try:
        (CALLS | SLOW_CALLS)[name](run, new)
    except (UserError, ValueError, OSError):
        assert name == "failed pretrain"


def in_thread(function: Callable[[], None]) -> None:
    asyncio.run(asyncio.to_thread(function))


def in_event_loop(function: Callable[[], None]) -> None:
    async def main() -> None:
        function()

    asyncio.run(main())


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("caller", [lambda f: f(), in_thread, in_event_loop])
def test_a_call_leaves_the_process_as_it_was(
    name: str, caller: Callable[[Callable[[], None]], None], run: Path, tmp_path: Path
) -> None:
    caller(lambda: call(name, run, tmp_path / "first"))  # imports may set up what they need
    before = process_state()
    caller(lambda: call(name, run, tmp_path / "run"))
    assert process_state() == before


@pytest.mark.parametrize("name", SLOW_CALLS)
def test_a_slow_call_leaves_the_process_as_it_was(
    name: str, exported: Path, tmp_path: Path
) -> None:
    test_a_call_leaves_the_process_as_it_was(name, in_thread, exported, tmp_path)


def test_two_threads_train_the_weights_that_one_trains(run: Path, tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    threads = [threading.Thread(target=pretrain, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = (run / "last" / "model.safetensors").read_bytes()
    assert all((f / "last" / "model.safetensors").read_bytes() == expected for f in folders)


def test_a_handler_that_is_not_from_python_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[int] = []
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda number, handler: set_to.append(number))
    assert pretrain(tmp_path / "run").step == 2
    assert not set_to


EMBED_IN_POOL = """
import json, multiprocessing, sys
import numpy as np, torch, tiny_audio_ssl

torch.set_num_threads(2)
embedder = tiny_audio_ssl.load(sys.argv[1])
waves = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 32000))
here = embedder.embed(waves)  # a parallel region, whose threads a fork does not copy


def work(index):
    return np.abs(embedder.embed(waves) - here).max().item()


if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
        print(json.dumps(pool.map_async(work, range(2)).get(timeout=60)))
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_embeds_after_its_parent_did(method: str, run: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(EMBED_IN_POOL)
    done = subprocess.run(
        [sys.executable, str(script), str(run), method],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "2"}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert max(json.loads(done.stdout)) < 1e-5
