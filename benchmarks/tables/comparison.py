"""Comparison: our encoders beside other models, their quality and their cost."""

from __future__ import annotations

from tables.rows import accuracy, decimals, markdown, only, rows, where


def comparison_table() -> str:
    """Models x mean accuracy, ESC-50, size and time, the best last."""
    lines = []
    for row in sorted(rows("comparison"), key=lambda row: float(row["mean"])):
        kilo = [f"{float(row[name]) / 1000:,.0f}" for name in ("parameters", "bytes")]
        mega = decimals(float(row["multiply_adds"]) / 1e6, 1)
        name = f"**{row['model']}**" if row["ours"] == "True" else row["model"]
        quality = [accuracy(row["mean"]), esc50(row["model"])]
        lines.append([name, *quality, row["dim"], *kilo, mega, decimals(row["p50_ms"], 2)])
    header = ["embedding", "mean of ten", "ESC-50 fold 4", "numbers", "thousand parameters", "kB"]
    return markdown([*header, "million multiply-adds", "ms"], lines)


def readme_table() -> str:
    """Return the table of the README: models x accuracy, ESC-50, parameters and time."""
    names = {
        "mel statistics": "log-mel statistics, no encoder",
        "Resemblyzer": "Resemblyzer, made for voices",
        "openWakeWord embedding": "openWakeWord's embedding, made for words",
        "YAMNet": "YAMNet, made for sounds, 8-bit",
        "mn04_as": "mn04_as, made for sounds; one of our teachers",
        "tiny": "**`tiny`**, comes with the package",
        "small": "**`small`**, comes with the package",
    }
    lines = []
    for name, shown in names.items():
        row = only("comparison", model=name)
        kilo = f"{float(row['parameters']) / 1000:,.0f} k" if row["parameters"] != "0" else ""
        quality = [accuracy(row["mean"]), in_noise(name), esc50(name)]
        lines.append([shown, *quality, kilo, decimals(row["p50_ms"], 2)])
    return markdown(["embedding", "ten tasks", "in noise", "ESC-50", "parameters", "ms"], lines)


def in_noise(model: str) -> str:
    """Return the mean accuracy of a model under noise at 20 dB; nothing if it was not measured."""
    found = where("robustness", model=model, change="noise, 20 dB SNR", task="average")
    return accuracy(found[0]["accuracy"]) if found else ""


def esc50(model: str) -> str:
    """Return the accuracy of a model on ESC-50."""
    return accuracy(only("comparison_tasks", embedding=model, task="ESC-50 fold 4")["accuracy"])
