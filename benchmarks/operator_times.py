"""Time each operator of an artifact by its runtime's own trace; print JSON.

python benchmarks/operator_times.py encoder.waveform.fp32.onnx

`operators.py` starts this with a clock that runs 1000 times as fast (fast_clock.c) for a .pte:
XNNPACK counts whole microseconds, and most of our operators take less than one.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

WARM_UP, RUNS = 20, 100
Times = list[tuple[str, float]]  # operator and its median, in the order of the graph


def of_pte(path: Path) -> Times:
    """Return times in nanoseconds, where the clock is fast."""
    import torch
    from executorch.devtools import Inspector
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(1)
    module = portable_lib._load_for_executorch(str(path), enable_etdump=True)
    meta = module.method_meta("forward")
    shapes = [meta.input_tensor_meta(i).sizes() for i in range(meta.num_inputs())]
    inputs = [0.1 * torch.randn(shape) for shape in shapes]
    for _ in range(WARM_UP + RUNS):
        module.forward(inputs)
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.etdump"
        module.write_etdump_result_to_file(str(trace))
        blocks = Inspector(etdump_path=str(trace)).event_blocks
    return [
        (event.name, 1e3 * statistics.median(event.perf_data.raw[WARM_UP:]))  # fast milliseconds
        for block in blocks
        for event in block.events
        if event.perf_data and len(event.perf_data.raw) > WARM_UP
        if event.delegate_debug_identifier or event.name.startswith("native_call_")
    ]


def of_onnx(path: Path) -> Times:
    """Return times in nanoseconds, of which about 2,000 are the trace's own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_profiling = True
    with TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "trace")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        inputs = {given.name: _noise(given.shape) for given in session.get_inputs()}
        for _ in range(WARM_UP + RUNS):
            session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    found: dict[str, list[float]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            found[event["name"]].append(1000.0 * event["dur"])
            kinds[event["name"]] = event["args"]["op_name"]
    return [(kinds[name], statistics.mean(sorted(t)[: -len(t) // 4])) for name, t in found.items()]


def _noise(shape: list[Any]) -> np.ndarray:
    sizes = [size if isinstance(size, int) else 1 for size in shape]
    return 0.1 * np.random.default_rng(0).standard_normal(sizes, np.float32)


if __name__ == "__main__":
    artifact = Path(sys.argv[1])
    print(json.dumps(of_pte(artifact) if artifact.suffix == ".pte" else of_onnx(artifact)))
