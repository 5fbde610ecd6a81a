"""By-products: a table for each group of rows, with the columns that the group has."""

from __future__ import annotations

from tables.rows import RESULTS, markdown, rows

HIDDEN = ("group", "seed", "device", "threads", "torch", "tiny_audio_ssl")


def tables() -> str:
    """Return the tables one after the other, each below its title; empty before the first run."""
    if not (RESULTS / "byproducts.csv").exists():
        return ""
    parts = []
    for group in dict.fromkeys(row["group"] for row in rows("byproducts")):
        own = [row for row in rows("byproducts") if row["group"] == group]
        columns = [name for name in own[0] if name not in HIDDEN and any(row[name] for row in own)]
        titles = [name.replace("_", " ") for name in columns]
        table = markdown(titles, [[row[name] for name in columns] for row in own])
        parts.append(f"**{group.capitalize()}**\n\n{table}")
    return "\n\n".join(parts)
