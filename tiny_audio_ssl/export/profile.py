"""Time spent in operators that a delegate left to slow kernels."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.quiet import executorch_hushed

WARM_UP, RUNS = 3, 20
PORTABLE = "native_call_"  # how the runtime's trace calls what no delegate took


def time_shares(path: Path, *example: Tensor) -> dict[str, float]:
    """Return the share (0..1) of a .pte's time that each operator outside its delegates takes.

    Largest first, e.g. {"native_group_norm.out": 0.4}, by the runtime's own trace (ETDump).

    Raises `UserError` without the extra `executorch`.
    """
    lib = require("executorch.extension.pybindings.portable_lib", "executorch")
    devtools = require("executorch.devtools", "executorch")
    with TemporaryDirectory() as folder, executorch_hushed():
        trace = Path(folder) / "trace.etdump"
        module = lib._load_for_executorch(str(path), enable_etdump=True)
        for _ in range(WARM_UP + RUNS):
            module.forward(example)
        module.write_etdump_result_to_file(str(trace))
        blocks = devtools.Inspector(etdump_path=str(trace)).event_blocks
    total, each = 0.0, defaultdict[str, float](float)
    for event in (event for block in blocks for event in block.events if event.perf_data):
        if event.name == "Method::execute":
            total += sum(event.perf_data.raw[WARM_UP:])
        elif event.name.startswith(PORTABLE):
            each[event.name.removeprefix(PORTABLE)] += sum(event.perf_data.raw[WARM_UP:])
    return {name: took / total for name, took in sorted(each.items(), key=lambda item: -item[1])}
