"""Time artifacts with the C++ runner, in rounds in which they take turns."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from tiny_audio_ssl.bench.native.options import RunnerOptions
from tiny_audio_ssl.bench.native.run import run_native
from tiny_audio_ssl.bench.statistics import Rounds

K = TypeVar("K", bound=Hashable)


def timed(
    files: Mapping[K, Path], options_of: Callable[[K], RunnerOptions], rounds: int
) -> dict[K, Rounds]:
    """Return the time of each run in ms, [rounds, runs].

    Args:
        files: artifacts by any key.
        options_of: options of an artifact by its key, with `samples`.
    """
    found: dict[K, list[tuple[float, ...]]] = {key: [] for key in files}
    for _ in range(rounds):
        for key, path in files.items():
            found[key].append(run_native(path, options=options_of(key)).samples_ms or ())
    return {key: np.array(times) for key, times in found.items()}
