"""How fast artifacts are: on this machine, beside the eager model, and on phones.

`subjects` are what is timed; `on_host` and `on_phones` time them; `rows` and `statistics` say what
follows, `compare` what has changed since; `roofline` is what the processor could do. Loading and
the first run are apart from the steady state.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tiny_audio_ssl.bench import subjects
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.on_host import time_on_host
from tiny_audio_ssl.bench.rows import Row, rows_of
from tiny_audio_ssl.bench.timing import Settings

__all__ = ["Row", "device_name", "measure"]


def measure(
    paths: Sequence[str | Path],
    threads: int = 1,
    runs: int = 200,
    warm_up: int = 20,
    keep_samples: bool = False,
) -> list[Row]:
    """Time artifacts from Python, and eager once for every folder and input among them.

    Args:
        paths: export folders, artifacts within them, or .onnx and .pte of others.
        threads: for every runtime alike. ExecuTorch's and torch's are set for the whole process.
        runs: timed runs of each form, after `warm_up` others.
        keep_samples: keep every run's time in `Row.samples_ms`.

    Raises `UserError`: no artifact, no or another manifest, a missing extra.
    """
    settings = Settings(threads=threads, runs=runs, warm_up=warm_up)
    return rows_of(time_on_host(subjects.find(paths), settings), keep_samples=keep_samples)
