"""Cost: artifacts, latency, front-end, streaming, training steps, throughput, start-up."""

from __future__ import annotations

from pathlib import Path

from tables.rows import (
    ENCODERS,
    RESULTS,
    Row,
    between,
    decimals,
    kilobytes,
    listed,
    markdown,
    only,
    rows,
    where,
)

# Reasons in the column refused_by of training_tasks.csv; all others are names of operators.
CHANGES, DEPENDS = "changes after each step", "depends on values"
NATIVE, PEER = "host-native", "peer"  # values of columns target and model in latency.csv

ARCHITECTURES = {
    "mobile": "few depthwise-separable convolutions with strides and large kernels",
    "separable": "3x1 and 1x3 convolutions with max-pooling, as in arXiv 1905.11796",
    "dense": "a stem that downsamples 4 x 4 at once, then dense 3x3 convolutions: few operators "
    "with large matrix products",
    "shared": "`mobile` with its residual block applied four times with the same weights, like "
    "Audio ALBERT (arXiv 2005.08575)",
    "sinc-mobile": "`mobile` behind learned band-pass filters, as in SincNet (arXiv 1808.00158)",
}


def devices() -> str:
    """Name the processors that the committed files were measured on."""
    every = [row for file in sorted(RESULTS.glob("*.csv")) for row in rows(file.stem)]
    names = {row.get("machine") or row.get("device") for row in every}
    return listed(sorted(name for name in names if name))


def percent(share: str | float) -> str:
    """Return a share as a percentage."""
    return f"{100 * float(share):.0f} %"


def encoder_table() -> str:
    """Architecture and costs of each encoder, for a window of 0.975 s."""
    lines = [
        [
            f"`{row['encoder']}`",
            ARCHITECTURES[row["encoder"]],
            f"{float(row['parameters']) / 1e3:.0f} k",
            f"{float(row['multiply_adds']) / 1e6:.1f} M",
            f"{float(row['frontend_multiply_adds']) / 1e6:.1f} M",
        ]
        for row in rows("encoders")
    ]
    header = ["name", "architecture", "parameters", "multiply-adds", "of the front-end"]
    return markdown(header, lines)


def artifact_table(model: str) -> str:
    """Artifacts of one model: size, closeness to it, latency, lost accuracy."""
    lines = []
    for row in where("artifacts", model=model):
        lost = [row["ESC-10 points lost"], row["speech commands points lost"]]
        lines.append(
            [
                row["artifact"],
                kilobytes(row["bytes"]),
                decimals(row["snr_db"], 1),
                decimals(row["p50_ms"], 2),
                decimals(row["times_faster_than_eager"], 1),
                *(f"{float(points):+.2f}" if points else "" for points in lost),
            ]
        )
    header = ["artifact", "kB", "SNR, dB", "p50, ms", "x eager", "ESC-10 points lost"]
    return markdown([*header, "commands points lost"], lines)


def encoder_artifact_table() -> str:
    """Encoders x formats and precisions: parity with the model, and a window's shortest time."""
    found = where("encoder_artifacts", input="waveform")
    kinds = [
        ("executorch", "fp32"),
        ("executorch", "int8"),
        ("onnxruntime", "fp32"),
        ("onnxruntime", "int8"),
    ]
    lines = []
    for model in dict.fromkeys(row["model"] for row in found):
        own = {(r["runtime"], r["precision"]): r for r in found if r["model"] == model}
        cells = [
            f"{float(own[k]['snr_db']):.0f} dB, {decimals(own[k]['min_ms'], 2)} ms" for k in kinds
        ]
        lines.append([f"`{Path(model).name}`", *cells])
    return markdown(["encoder", *(" ".join(kind) for kind in kinds)], lines)


def product_artifact_table() -> str:
    """Products x inputs: size, closeness to the task and shortest time, in both formats."""
    found = where("product_artifacts", precision="fp32")
    lines = []
    for product, kind in dict.fromkeys((row["product"], row["input"]) for row in found):
        own = {r["runtime"]: r for r in found if (r["product"], r["input"]) == (product, kind)}
        formats = [own["executorch"], own["onnxruntime"]]
        piece = "packet" if kind == "stream" else "window"
        lines.append(
            [
                f"`{product}`",
                f"`{formats[0]['task']}`",
                f"{piece} of {float(formats[0]['window_ms']):g} ms",
                *map(product_cell, formats),
            ]
        )
    return markdown(["product", "task", "input", "executorch", "onnxruntime"], lines)


def product_cell(row: Row) -> str:
    """Return what an artifact costs; unit ids have no SNR."""
    snr = f"{float(row['snr_db']):.0f} dB, " if row["snr_db"] else ""
    return f"{kilobytes(row['bytes'])} kB, {snr}{decimals(row['min_ms'], 2)} ms"


def body_table() -> str:
    """Bodies x formats and precisions: milliseconds from waveform to embedding, and the ratio."""
    whole = where("bodies", part="whole")
    kinds = list(dict.fromkeys((row["format"], row["precision"]) for row in whole))
    lines = []
    for body in dict.fromkeys(row["body"] for row in whole):
        own = [row for row in whole if row["body"] == body]
        times = {(r["format"], r["precision"]): r for r in own}
        costs = [
            f"{float(own[0][name]) / 10**digits:.{places}f}"
            for name, digits, places in (("parameters", 3, 0), ("multiply_adds", 6, 1))
        ]
        cells = [
            f"{decimals(times[kind]['fastest_ms'], 3)} ({decimals(times[kind]['times_faster'], 2)})"
            for kind in kinds
        ]
        lines.append([body, *costs, *cells])
    header = ["body", "parameters, k", "multiply-adds, M"]
    return markdown([*header, *(" ".join(kind) for kind in kinds)], lines)


def frontend_kilobytes() -> str:
    """Return by how much artifacts that take a waveform are larger than those that take log-mel."""
    sizes = {(r["model"], r["artifact"]): r["bytes"] for r in rows("artifacts") if r["bytes"]}
    return between(
        [
            (float(size) - float(sizes[model, name.replace(".waveform.", ".mel.")])) / 1000
            for (model, name), size in sizes.items()
            if ".waveform." in name
        ],
        digits=0,
    )


def latency_table() -> str:
    """Waveform forms x models: eager from Python, artifacts from C++."""
    shown = [row for row in rows("latency") if _is_shown(row)]
    models = list(dict.fromkeys(row["model"] for row in shown if row["model"] != PEER))
    header = ["form"]
    for model in models:
        header += [f"`{model}` p50, p90 ms", "x eager [95 %]", "of peak"]
    lines = []
    for form in dict.fromkeys(row["artifact"] for row in shown if row["model"] != PEER):
        own = {row["model"]: row for row in shown if row["artifact"] == form}
        lines.append([form, *(text for model in models for text in _times(own[model]))])
    for row in shown:
        if row["model"] == PEER:
            lines.append([row["artifact"], *_times(row), *[""] * (3 * len(models) - 3)])
    return markdown(header, lines)


def _is_shown(row: Row) -> bool:
    if (row["target"] == NATIVE) != bool(row["bytes"]):  # eager models have no file
        return False
    return row["model"] == PEER or (row["input"] == "waveform" and row["precision"] != "fp16")


def _times(row: Row) -> list[str]:
    faster = ""
    if row["speedup"]:
        value, low, high = (
            decimals(row[name], 1) for name in ("speedup", "speedup_low", "speedup_high")
        )
        faster = f"{value} [{low}, {high}]"
    times = f"{decimals(row['p50_ms'], 2)}, {decimals(row['p90_ms'], 2)}"
    return [times, faster, percent(row["of_peak"]) if row["of_peak"] else ""]


def frontend_table() -> str:
    """Forms of the Fourier transform x runtimes, for one window."""
    found = [row for row in where("frontend", samples="1x15600") if " int8" not in row["runtime"]]
    runtimes = list(dict.fromkeys(row["runtime"] for row in found))
    lines = []
    for form in dict.fromkeys(row["form"] for row in found):
        own = {row["runtime"]: row for row in found if row["form"] == form}
        cells = [form]
        for runtime in runtimes:
            cells += [decimals(own[runtime]["ms"], 2), kilobytes(own[runtime]["bytes"])]
        lines.append(cells)
    header = [text for runtime in runtimes for text in (f"{runtime}, ms", "kB")]
    return markdown(["form", *header], lines)


def frontend_difference() -> str:
    """Return the largest difference between forms of the front-end, in units of log-mel."""
    return f"{max(float(row['difference'] or 0) for row in rows('frontend')):.0e}"


def frontend_share_table() -> str:
    """int8 artifacts: time with each front-end, and the front-end's share of it."""
    found = [row for row in rows("frontend") if " int8" in row["runtime"]]
    lines = []
    for runtime in dict.fromkeys(row["runtime"] for row in found):
        own = {row["form"]: row for row in found if row["runtime"] == runtime}
        times = [decimals(own[form]["ms"], 2) for form in ("dense", "factored", "mel in")]
        lines.append([runtime, *times, percent(own["factored"]["share_of_ms"])])
    header = ["artifact", "dense, ms", "factored, ms", "log-mel given, ms"]
    return markdown([*header, "share of the factored front-end"], lines)


def frontend_share(runtime: str) -> str:
    """Return the front-end's share of the time of, for example, `executorch, mobile int8`."""
    (row,) = where("frontend", form="factored", runtime=runtime)
    return percent(row["share_of_ms"])


def streaming_table() -> str:
    """Streams by length of packet and slice, beside the whole window and the packet before."""
    lines = [
        [
            f"`{row['model']}`",
            row["runtime"],
            row["precision"],
            _packet(row),
            decimals(row["packet_p50_ms"], 3),
            decimals(row["share_of_window"], 2),
            decimals(row["times_as_fast"], 2),
            decimals(row["times_fewer_than_window_each_packet"], 1),
            decimals(row["estimated_mwh_per_hour"], 2),
        ]
        for row in rows("streaming")
    ]
    header = ["model", "runtime", "precision", "packet / slice, ms", "ms a packet"]
    header += ["share of the window's time", "x as fast", "x fewer multiply-adds"]
    return markdown([*header, "mWh an hour"], lines)


def _packet(row: Row) -> str:
    return " / ".join(f"{float(row[name]):.0f}" for name in ("packet_ms", "slice_ms"))


def streaming(column: str, digits: int, **conditions: str) -> str:
    """Return the range of a column of the streams."""
    return between([row[column] for row in where("streaming", **conditions)], digits)


def training_step_table() -> str:
    """Training steps in ExecuTorch beside eager PyTorch."""
    lines = [
        [
            row["task"],
            f"`{row['encoder']}`",
            row["norm"],
            decimals(row["eager_ms"], 1),
            decimals(row["artifact_ms"], 1),
            decimals(row["ratio"], 2),
            row["gradient_error"],
            kilobytes(row["bytes"]),
        ]
        for row in rows("training_step")
    ]
    header = ["task", "encoder", "normalization", "eager, ms", ".pte, ms", "ratio"]
    return markdown([*header, "relative error of gradients", "kB"], lines)


def training_tasks_table() -> str:
    """Which tasks train in ExecuTorch, and why the others do not."""
    lines = [
        [f"`{row['task']}`", "" if row["refused_by"] else "yes", _as_code(row["refused_by"])]
        for row in rows("training_tasks")
    ]
    return markdown(["task", "trains", "refused by"], lines)


def _as_code(reason: str) -> str:
    """Mark the names of operators, and leave a reason in words as it is."""
    if not reason or reason in (CHANGES, DEPENDS):
        return reason
    return ", ".join(f"`{name}`" for name in reason.split())


def training_ratio(encoder: str) -> str:
    """Return the range of the time of a step, divided by that of eager PyTorch."""
    return between(row["ratio"] for row in where("training_step", encoder=encoder))


def throughput_table() -> str:
    """Clips per second from the cache, from tensors, and from files."""
    lines = []
    for what in ("tensors", "cache", "files"):
        cells = [what]
        for encoder in ENCODERS:
            (row,) = where("throughput", what=what, encoder=encoder)
            cells += [decimals(row["clips_per_s"], 0), decimals(row["ratio"], 2)]
        lines.append(cells)
    header = [text for encoder in ENCODERS for text in (f"`{encoder}` clips/s", "ratio")]
    return markdown(["clips from", *header], lines)


def memory_mb(what: str) -> str:
    """Return the memory of a training process, in MB."""
    (row,) = where("throughput", what=what)
    return decimals(row["memory_mb"], 0)


def long_recordings_table() -> str:
    """Hours of sound that a core embeds in a minute, and memory by length."""
    lines = []
    for row in _longest_of_each():
        found = where("long_recordings", model=row["model"], setting=row["setting"])
        memory = ", ".join(f"{one['peak_mb']} ({one['minutes']} min)" for one in found)
        lines.append([row["model"], row["setting"], row["hours_per_core_minute"], memory])
    return markdown(["model", "embeddings", "hours in a core minute", "peak memory, MB"], lines)


def _longest_of_each() -> list[Row]:
    longest: dict[tuple[str, str], Row] = {}
    for row in where("long_recordings"):
        longest[row["model"], row["setting"]] = row  # lengths grow
    return list(longest.values())


def startup_table() -> str:
    """Processor time of commands, before and now."""
    lines = [
        [
            row["command"],
            decimals(row["before_cpu_s"], 2),
            decimals(row["cpu_s"], 2),
            decimals(row["ratio"], 2),
            f"{decimals(row['ratio_low'], 2)}-{decimals(row['ratio_high'], 2)}",
        ]
        for row in rows("startup")
    ]
    return markdown(["command", "before, s", "now, s", "ratio", "95 %"], lines)


def install_table() -> str:
    """Time of a new user's first steps, and the size of the environment."""
    names = ("step", "wall_s", "cpu_s", "environment_mb")
    lines = [[row[name] for name in names] for row in rows("install")]
    return markdown(["step", "seconds", "of the processor", "environment, MB"], lines)


def startup_before() -> str:
    """Return the commit that start-up is compared with."""
    (commit,) = {row["before"] for row in rows("startup")}
    return commit


def browser_table() -> str:
    """Artifacts of the page: milliseconds in a browser and from C++."""
    lines = [
        [
            f"`{row['model']}`",
            row["artifact"].removeprefix("encoder.").removesuffix(".onnx"),
            *(decimals(row[name], 2) for name in ("page_ms", "native_ms")),
            decimals(row["times_as_long"], 1),
        ]
        for row in rows("browser")
    ]
    header = ["encoder", "artifact", "in the browser, ms", "from C++, ms", "times as long"]
    return markdown(header, lines)


def browser_name() -> str:
    """Return the browser that was measured."""
    (name,) = {row["browser"] for row in rows("browser")}
    return name


def page_sizes_table() -> str:
    """Sizes of all that a browser loads first, by part."""
    lines = [
        [f"`{row['model']}`", row["part"], row["files"], row["kb"], row["kb_compressed"]]
        for row in rows("browser_sizes")
    ]
    return markdown(["encoder", "part", "files", "kB", "kB compressed"], lines)


def two_cores_table() -> str:
    """Ways to use two cores x tasks: clips a second, and how many times those of one core."""
    tasks = list(dict.fromkeys(row["task"] for row in rows("two_cores")))
    lines = []
    for way in dict.fromkeys(row["way"] for row in rows("two_cores")):
        cells = [way]
        for task in tasks:
            row = only("two_cores", way=way, task=task)
            interval = f"[{row['low_95']}, {row['high_95']}]"
            cells += [f"{float(row['clips_per_s']):,.0f}", f"{row['times_one_core']} {interval}"]
        lines.append(cells)
    header = [text for task in tasks for text in (f"{task}, clips/s", "times one core [95 %]")]
    return markdown(["way", *header], lines)


def training_speed_table() -> str:
    """Tasks x encoders: milliseconds of a training step, before and now."""
    lines = [
        [
            row["task"],
            f"`{row['encoder']}`",
            *(decimals(row[name], 0) for name in ("before_step_ms", "step_ms")),
            decimals(row["times_as_fast"], 2),
            f"{row['low_95']}-{row['high_95']}",
        ]
        for row in rows("training_speed")
    ]
    return markdown(["task", "encoder", "before, ms", "now, ms", "times as fast", "95 %"], lines)
