"""The corpus: hours of sound by kind and tier."""

from __future__ import annotations

from tables.rows import decimals, markdown, where

KINDS = ("speech", "words", "sounds", "music", "notes")
TIERS = ("permissive", "copyleft")


def hours_table() -> str:
    """Files and hours of each kind, in both tiers."""
    lines = []
    for kind in KINDS:
        cells = [kind]
        for tier in TIERS:
            own = where("corpus", kind=kind, tier=tier)
            cells.append(str(sum(int(row["files"]) for row in own)))
            cells.append(hours(own))
        lines.append(cells)
    header = ["kind", *(f"{tier}, {unit}" for tier in TIERS for unit in ("files", "hours"))]
    return markdown(header, lines)


def total_hours(tier: str) -> str:
    """Return the hours of one tier."""
    return hours(where("corpus", tier=tier))


def hours(rows: list[dict[str, str]]) -> str:
    return decimals(sum(float(row["hours"]) for row in rows), 1)
