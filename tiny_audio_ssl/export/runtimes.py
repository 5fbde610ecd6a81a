"""Run artifacts as a phone would: read from disk by the format's own runtime."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiny_audio_ssl.audio.waveform import as_waveform
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import FormatName
from tiny_audio_ssl.export.forms import FORMATS
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.light_imports import not_run
from tiny_audio_ssl.utils.quiet import executorch_hushed

Run = Callable[[np.ndarray], np.ndarray]
RunAll = Callable[..., list[np.ndarray]]
_executorch_process: dict[str, int] = {}  # "id": of the process that started its threads


def open_artifact(path: Path, threads: int | None = None) -> Run:
    """Return a function from the artifact's input, floats, to embeddings [B, D]; its other outputs
    are left out. See `open_outputs`.

    The function raises `UserError` for what is not floats, NaN and infinity, and for waveforms
    [B, samples] that `audio.waveform.as_waveform` refuses.
    """
    run_all = open_outputs(path, threads)

    def run(inputs: np.ndarray) -> np.ndarray:
        if np.ndim(inputs) == 2:
            inputs = as_waveform(inputs, "[batch, samples]")
        elif not np.issubdtype(inputs.dtype, np.floating) or not np.isfinite(inputs).all():
            raise UserError(f"{path}: its input has integers, NaN or infinity; expected floats")
        return run_all(np.ascontiguousarray(inputs, np.float32))[0]

    return run


def open_outputs(path: Path, threads: int | None = None) -> RunAll:
    """Return a function from the artifact's inputs (float32, C order) to all its outputs, in their
    order: embeddings [B, D], then scores [B, classes] of each head, or a stream's next state.

    `threads`: of ONNX Runtime; None leaves its own choice. Those of ExecuTorch belong to the whole
    process: see `executorch_threads`.

    Raises `UserError`: an unknown ending, a missing extra, a file that its runtime refuses.
    """
    name = next((name for name, f in FORMATS.items() if f.suffix == path.suffix), None)
    if name is None:
        endings = ", ".join(f.suffix for f in FORMATS.values())
        raise UserError(f"{path}: not an artifact; expected one of {endings}")
    prepare_runtime(name)
    try:
        return _open_executorch(path) if name == "executorch" else _open_onnx(path, threads)
    except Exception as error:  # ONNX Runtime's derive from nothing else
        raise UserError(f"{path}: its runtime can't load it ({error}); export it again") from error


def prepare_runtime(name: FormatName) -> None:
    """Import the runtime, which takes seconds.

    Raises `UserError` without the extra, and for ExecuTorch in a process that was forked from one
    that had imported it: a fork does not copy its threads.
    """
    # ExecuTorch's C++ reports every CPU file that it looks for. Its runtime takes a class of
    # warnings from its exporter, whose import would take four seconds more.
    with executorch_hushed(), not_run("executorch.exir"):
        require(FORMATS[name].modules[0], FORMATS[name].extra)
    if name == "executorch":
        _check_not_forked("ExecuTorch", _executorch_process.setdefault("id", os.getpid()))


@contextmanager
def executorch_threads(threads: int | None) -> Iterator[None]:
    """Let ExecuTorch use `threads` threads within the block, and then as many as before.

    The number belongs to the whole process. Does nothing for None or without ExecuTorch.
    """
    if threads is None or importlib.util.find_spec("executorch") is None:
        yield
        return
    before = set_executorch_threads(threads)
    try:
        yield
    finally:
        set_executorch_threads(before)


def set_executorch_threads(threads: int) -> int:
    """Set the number of ExecuTorch's threads in the whole process; return the previous one."""
    prepare_runtime("executorch")
    from executorch.extension.pybindings import portable_lib

    before = int(portable_lib._threadpool_get_thread_count())
    if before != threads:
        with executorch_hushed():
            portable_lib._unsafe_reset_threadpool(threads)
    return before


def _check_not_forked(what: str, process: int) -> None:
    """Raise `UserError` where `what` was opened by the process that this one was forked from."""
    if process != os.getpid():
        raise UserError(
            f"{what} was opened in process {process}, from which this one was forked without its "
            "threads, so it would wait forever; open artifacts in the new processes only, or start "
            'them with multiprocessing.get_context("spawn")'
        )


def _open_executorch(path: Path) -> RunAll:
    from executorch.runtime import Runtime

    with executorch_hushed():
        program = Runtime.get().load_program(path)
        method = program.load_method("forward")
    if method is None:
        raise ValueError("it has no method `forward`")

    process = os.getpid()

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        _check_not_forked(str(path), process)
        outputs = method.execute([torch.from_numpy(given) for given in inputs])
        # The runtime reuses the memory, and frees it with the program.
        return [np.array(output.numpy()) for output in outputs]

    run.program = program  # type: ignore[attr-defined]
    return run


def _open_onnx(path: Path, threads: int | None) -> RunAll:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    names = [given.name for given in session.get_inputs()]

    process = os.getpid()

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        _check_not_forked(str(path), process)
        outputs = session.run(None, dict(zip(names, inputs, strict=True)))
        return [np.asarray(output) for output in outputs]

    return run
