"""By-products: a table for each group of rows, with the columns that the group has."""

from __future__ import annotations

from tables.rows import RESULTS, markdown, rows

TITLES = {
    "raw_pitch_accuracy": "within 50 cents",
    "raw_chroma_accuracy": "within 50 cents of an octave",
    "median_cents": "median error, cents",
    "voicing_auc": "area under the curve of voicing",
    "two_alternative_accuracy": "right of two alternatives",
    "same_different_precision": "precision",
    "si_sdr_db": "SI-SDR, dB",
    "improvement_db": "improvement, dB",
    "pesq": "PESQ",
    "stoi": "STOI",
}
HIDDEN = ("group", "seed", "device", "threads", "torch", "tiny_audio_ssl")


def tables() -> str:
    """Return the tables one after the other, each below its title; empty before the first run."""
    if not (RESULTS / "byproducts.csv").exists():
        return ""
    parts = []
    for group in dict.fromkeys(row["group"] for row in rows("byproducts")):
        own = [row for row in rows("byproducts") if row["group"] == group]
        columns = [name for name in own[0] if name not in HIDDEN and any(row[name] for row in own)]
        titles = [TITLES.get(name, name) for name in columns]
        table = markdown(titles, [[row[name] for name in columns] for row in own])
        parts.append(f"**{group.capitalize()}**\n\n{table}")
    return "\n\n".join(parts)
