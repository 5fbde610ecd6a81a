"""Federation: accuracy, size of updates, overhead, memory."""

from __future__ import annotations

from tables.rows import Row, accuracy, between, decimals, markdown, only, where

SETTINGS = {
    "untrained": "untrained",
    "fedavg": "FedAvg",
    "fedprox": "FedProx",
    "fedadam": "FedAdam",
    "fedavg, int8": "FedAvg, updates as int8",
    "fedavg, more often": "FedAvg, 60 rounds of 2 steps",
    "in one place": "in one place",
}
NORMS = {
    "local": "batch, statistics stay on the device",
    "frozen": "batch, frozen",
    "group": "group",
}


def value(part: str, setting: str, measure: str, **conditions: str) -> float:
    """Return one number of the benchmark."""
    found = only("federation", part=part, setting=setting, measure=measure, **conditions)
    return float(found["value"])


def federation_table() -> str:
    """Accuracy and traffic of each strategy."""
    lines = []
    for setting, name in SETTINGS.items():
        traffic = where("federation", part="quality", setting=setting, measure="total_mb")
        megabytes = decimals(traffic[0]["value"], 0) if traffic else ""
        lines.append([name, accuracy(value("quality", setting, "accuracy")), megabytes])
    return markdown(["training", "accuracy", "traffic, MB"], lines)


def norms_table() -> str:
    """Accuracy and loss of each normalization."""
    lines = [
        [
            name,
            accuracy(value("norms", norm, "accuracy")),
            decimals(value("norms", norm, "loss_on_devices"), 3),
        ]
        for norm, name in NORMS.items()
    ]
    return markdown(["normalization", "accuracy", "loss on the devices"], lines)


def update_table() -> str:
    """Size of an update by task, part of the model, and encoding."""
    lines = []
    for task in ("temporal-gap", "audio2vec-cbow"):
        for part, name in (("all", "encoder and head of the task"), ("encoder", "encoder")):
            sizes = [
                value("bytes", f"{task}, mobile, {part}, {encoding}", "update_bytes") / 1000
                for encoding in ("float32", "float16", "int8")
            ]
            lines.append([task, name, *(f"{size:,.0f}" for size in sizes)])
    return markdown(["task", "shared", "float32, kB", "float16, kB", "int8, kB"], lines)


def overhead_table() -> str:
    """Time of a simulation beside the same steps in a plain loop."""
    lines = []
    for row in where("federation", part="overhead", measure="ratio"):
        same = {"clients": row["clients"]}
        work = row["setting"].partition(" s ")[0]
        rounds = value("overhead", row["setting"], "ratio_of_rounds", **same)
        loop_s = value("overhead", row["setting"], "loop_s", **same)
        start_s = value("overhead", row["setting"], "start_and_end_s", **same)
        lines.append(
            [
                row["clients"],
                f"{work} s",
                decimals(loop_s, 0),
                decimals(start_s, 0),
                decimals(row["value"], 2),
                decimals(rounds, 2),
            ]
        )
    header = ["devices", "work per device and round", "plain loop, s", "start and end, s"]
    return markdown([*header, "simulation / loop", "rounds alone / loop"], lines)


def turn_cost_s() -> str:
    """Return by how many seconds a device's turn takes longer in a simulation than in a loop."""
    costs = []
    for row in where("federation", part="overhead", measure="ratio_of_rounds"):
        loop_s = value("overhead", row["setting"], "loop_s", clients=row["clients"])
        turns = int(row["per_round"]) * int(row["rounds"])
        costs.append((float(row["value"]) - 1) * loop_s / turns)
    return between(costs)


def overhead_of_short_work() -> str:
    """Return the range of simulation / loop with the least work per device."""
    found = where("federation", part="overhead", measure="ratio")
    shortest = min(found, key=_work_s)
    return between(row["value"] for row in found if _work_s(row) == _work_s(shortest))


def shortest_work_s() -> str:
    """Return the least work per device and round, in seconds."""
    return f"{min(map(_work_s, where('federation', part='overhead'))):g}"


def _work_s(row: Row) -> float:
    return float(row["setting"].partition(" s ")[0])


def native_device_table() -> str:
    """A native device beside a Python one."""
    names = {
        "core_s_per_round": ("seconds of one core in a round", 2),
        "core_s_per_step": ("seconds of one core in a training step", 3),
        "core_s_to_start": ("seconds of one core to start", 2),
        "core_s_until_waiting": ("seconds of one core until it is connected and waits", 2),
        "waiting_mb": ("memory while it waits, MB", 0),
        "most_mb": ("largest memory, MB", 0),
        "up_bytes_per_round": ("bytes sent in a round", 0),
    }
    lines = []
    for measure, (name, digits) in names.items():
        cells = []
        for device, shown in (("python", digits), ("native", digits), ("native / python", 2)):
            found = where("native_device", device=device, measure=measure)
            cells.append(decimals(found[0]["value"], shown) if found else "")
        if any(cells):
            lines.append([name, *cells])
    return markdown(["", "Python", "native", "native / Python"], lines)


def memory_gb(first: int, last: int) -> str:
    """Return the memory of all processes after some rounds of 1,000 devices, in GB."""
    found: list[Row] = [
        only(
            "federation",
            part="scale",
            measure="memory_mb",
            setting=f"1 step a device, 1 at a time, after round {number}",
        )
        for number in range(first, last + 1)
    ]
    return between([float(row["value"]) / 1000 for row in found], 2)
