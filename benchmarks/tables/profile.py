"""Profiles: operators of a window, savings of a packet, parts of a training step."""

from __future__ import annotations

from collections import defaultdict

from tables.rows import Row, between, decimals, markdown, rows, where

SHOWN_SHARE = 0.02  # kinds of operators that take less are added up
PRECISIONS = ("fp32", "int8")


def operator_table(model: str) -> str:
    """Return the time of a window's kinds of operators in both runtimes, float32 beside int8."""
    lines = []
    for runtime in ("executorch", "onnxruntime"):
        found = where("operators", model=model, runtime=runtime, input="waveform")
        for part in dict.fromkeys(row["part"] for row in found):
            lines += _kinds(runtime, part, [row for row in found if row["part"] == part])
        lines.append([runtime, "all", "", *_cells({p: _sum_us(found, p) for p in PRECISIONS})])
    return markdown(["runtime", "part", "operator", "fp32, us", "int8, us", "fp32 / int8"], lines)


def _kinds(runtime: str, part: str, found: list[Row]) -> list[list[str]]:
    """Return a line for each kind of operator of a part, the slowest first."""
    kinds: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(PRECISIONS, 0.0))
    for row in found:
        kinds[row["kind"]][row["precision"]] += float(row["us"])
    whole = max(float(row["sum_us"]) for row in found)
    shown = {k: us for k, us in kinds.items() if max(us.values()) >= SHOWN_SHARE * whole}
    rest = {p: sum(us[p] for k, us in kinds.items() if k not in shown) for p in PRECISIONS}
    ordered = sorted(shown.items(), key=lambda item: -max(item[1].values()))
    lines = [[runtime, part, kind, *_cells(us)] for kind, us in ordered]
    return [*lines, [runtime, part, "all others", *_cells(rest)]]


def _cells(us: dict[str, float]) -> list[str]:
    ratio = us["fp32"] / us["int8"] if us["fp32"] and us["int8"] else ""
    return [decimals(us["fp32"], 1), decimals(us["int8"], 1), decimals(ratio, 2)]


def _sum_us(found: list[Row], precision: str) -> float:
    return sum(float(row["us"]) for row in found if row["precision"] == precision)


def operator_parts(model: str, runtime: str, part: str) -> str:
    """Return a part's share of the operators' time, as `45 % of fp32 and 64 % of int8`."""
    shares = []
    for precision in PRECISIONS:
        found = where("operators", model=model, runtime=runtime, input="waveform")
        whole = _sum_us(found, precision)
        share = _sum_us([row for row in found if row["part"] == part], precision) / whole
        shares.append(f"{100 * share:.0f} % of {precision}")
    return " and ".join(shares)


def trace_overhead_us(runtime: str) -> str:
    """Return the range of the time that a runtime's trace adds to each operator."""
    found = where("operators", runtime=runtime)
    return between(
        (float(row["sum_us"]) - float(row["untraced_us"])) / int(row["operators"]) for row in found
    )


def packet_form_table() -> str:
    """Return the time of a packet without each of its savings, by runtime."""
    forms: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows("packet_forms"):
        forms[row["form"]][row["runtime"]] = row
    runtimes = ("executorch", "onnxruntime")
    lines = [
        [form, *(cell for name in runtimes for cell in _form_cells(found[name]))]
        for form, found in forms.items()
    ]
    header = [f"{name}: {what}" for name in runtimes for what in ("ms", "x as long [95 %]")]
    return markdown(["form", *header], lines)


def _form_cells(row: Row) -> list[str]:
    low, high = (decimals(row[name], 2) for name in ("low_95", "high_95"))
    return [decimals(row["p50_ms"], 3), f"{decimals(row['times_as_shipped'], 2)} [{low}, {high}]"]


def training_profile_table() -> str:
    """Return the parts of a training step as percentages of its time."""
    names = [name for name in rows("training_profile")[0] if name.endswith(" share")]
    lines = [
        [f"`{row['task']}`", f"`{row['encoder']}`", decimals(row["step_ms"], 1)]
        + [f"{100 * float(row[name]):.0f}" for name in names]
        for row in rows("training_profile")
    ]
    header = ["task", "encoder", "ms of processor time"]
    return markdown([*header, *(f"{name.removesuffix(' share')}, %" for name in names)], lines)
