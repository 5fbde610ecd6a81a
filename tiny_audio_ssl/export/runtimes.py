"""Run artifacts as a phone would: read from disk by the format's own runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiny_audio_ssl.audio.waveform import check
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import FormatName
from tiny_audio_ssl.export.forms import FORMATS
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.quiet import native_stderr_hidden

Run = Callable[[np.ndarray], np.ndarray]
RunAll = Callable[..., list[np.ndarray]]


def open_artifact(path: Path, threads: int | None = None) -> Run:
    """Return a function from the artifact's input (float32, C order) to embeddings [B, D]; its
    other outputs are left out. See `open_outputs`.

    The function raises `UserError` for NaN and infinity, and for waveforms [B, samples] that
    `audio.waveform.check` refuses.
    """
    run_all = open_outputs(path, threads)

    def run(inputs: np.ndarray) -> np.ndarray:
        if inputs.ndim == 2:
            check(inputs, "[batch, samples]")
        elif not np.isfinite(inputs).all():
            raise UserError(f"{path}: NaN or infinity in its input; expected finite numbers")
        return run_all(inputs)[0]

    return run


def open_outputs(path: Path, threads: int | None = None) -> RunAll:
    """Return a function from the artifact's inputs (float32, C order) to all its outputs, in their
    order: embeddings [B, D], then scores [B, classes] of each head, or a stream's next state.

    `threads`: None leaves the runtime's own choice.

    Raises `UserError`: an unknown ending, a missing extra, a file that its runtime refuses.
    """
    name = next((name for name, f in FORMATS.items() if f.suffix == path.suffix), None)
    if name is None:
        endings = ", ".join(f.suffix for f in FORMATS.values())
        raise UserError(f"{path}: not an artifact; expected one of {endings}")
    prepare_runtime(name, threads)
    try:
        return _open_executorch(path) if name == "executorch" else _open_onnx(path, threads)
    except Exception as error:  # ONNX Runtime's derive from nothing else
        raise UserError(f"{path}: its runtime can't load it ({error}); export it again") from error


def prepare_runtime(name: FormatName, threads: int | None) -> None:
    """Import the runtime, which takes seconds, and set ExecuTorch's threads, which are global."""
    with native_stderr_hidden():  # ExecuTorch's C++ reports every CPU file that it looks for
        require(FORMATS[name].modules[0], FORMATS[name].extra)
        if name == "executorch" and threads is not None:
            from executorch.extension.pybindings import portable_lib

            if portable_lib._threadpool_get_thread_count() != threads:
                portable_lib._unsafe_reset_threadpool(threads)


def _open_executorch(path: Path) -> RunAll:
    from executorch.runtime import Runtime

    with native_stderr_hidden():
        program = Runtime.get().load_program(path)
        method = program.load_method("forward")
    if method is None:
        raise ValueError("it has no method `forward`")

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        outputs = method.execute([torch.from_numpy(given) for given in inputs])
        # The runtime reuses the memory, and frees it with the program.
        return [np.array(output.numpy()) for output in outputs]

    run.program = program  # type: ignore[attr-defined]
    return run


def _open_onnx(path: Path, threads: int | None) -> RunAll:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    names = [given.name for given in session.get_inputs()]

    def run(*inputs: np.ndarray) -> list[np.ndarray]:
        outputs = session.run(None, dict(zip(names, inputs, strict=True)))
        return [np.asarray(output) for output in outputs]

    return run
