"""Quality and time in one table: every form of our encoders, and other models."""

from __future__ import annotations

from tables.rows import Row, accuracy, decimals, kilobytes, markdown, only, rows, where

OWN_RUNTIME = {"YAMNet": "LiteRT, 8-bit"}  # of others; all but these run in eager PyTorch
OPENWAKEWORD = "openWakeWord embedding"  # two models, one after the other


def pareto_table() -> str:
    """Models and forms x accuracy, size, and time from Python, from C++ and in a browser."""
    ours = [row for row in rows("comparison") if row["ours"] == "True"]
    lines = [_other(row) for row in rows("comparison") if row not in ours]
    for row in ours:
        if where("latency", model=row["model"]):
            lines += _forms(row)
    header = ["embedding", "form", "mean of ten", "points lost by the form", "kB"]
    return markdown([*header, "ms, Python", "ms, C++", "ms, browser"], lines)


def _other(row: Row) -> list[str]:
    model, form = row["model"], OWN_RUNTIME.get(row["model"], "eager PyTorch")
    python, native = decimals(row["p50_ms"], 3), ""
    if model == OPENWAKEWORD:
        form = "ONNX Runtime"
        python, native = (_openwakeword_ms(target) for target in ("host", "host-native"))
    return [model, form, accuracy(row["mean"]), "", kilobytes(row["bytes"]), python, native, ""]


def _openwakeword_ms(target: str) -> str:
    found = where("latency", model="peer", target=target)
    return decimals(sum(float(one["p50_ms"]) for one in found), 3) if found else ""


def _forms(row: Row) -> list[list[str]]:
    """Return a line for each artifact that takes a waveform, and for the eager model."""
    model, lines = row["model"], []
    for timed in where("latency", model=model, target="host", input="waveform"):
        name = timed["artifact"]
        native, browser = (
            found[0][column] if (found := where(file, model=model, artifact=name, **more)) else ""
            for file, column, more in (
                ("latency", "p50_ms", {"target": "host-native"}),
                ("browser", "page_ms", {}),
            )
        )
        form = name.removeprefix("encoder.waveform.").removesuffix(" waveform")
        quality = [accuracy(row["mean"]), points_lost(model, name)]
        times = [decimals(ms, 3) for ms in (timed["p50_ms"], native, browser)]
        size = kilobytes(timed["bytes"] or row["bytes"])
        lines.append([f"**{model}**", form, *quality, size, *times])
    return lines


def points_lost(model: str, artifact: str) -> str:
    """Return the mean loss of an artifact's probes; nothing for what was not probed."""
    if not where("artifacts", model=model, artifact=artifact):
        return ""
    row = only("artifacts", model=model, artifact=artifact)
    lost = [row[name] for name in row if name.endswith(" points lost")]
    return decimals(sum(map(float, lost)) / len(lost), 1) if all(lost) else ""
