"""Hours of a corpus by kind, tier and source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from windows import KINDS


def by_source(rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Return a line for each kind, tier and source, with its version, files, hours and licenses."""

    def place(row: Mapping[str, str]) -> tuple[int, str, str, str]:
        return KINDS.index(row["kind"]), row["tier"], row["source"], row["version"]

    return [
        {
            "kind": KINDS[kind],
            "tier": tier,
            "source": source,
            "version": version,
            "files": len(own := list(group)),
            "hours": f"{hours(own):.3f}",
            "licenses": " ".join(sorted({row["license"].replace(" ", "-") for row in own})),
        }
        for (kind, tier, source, version), group in groupby(sorted(rows, key=place), key=place)
    ]


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Format files and hours of each kind and tier."""
    lines = []
    for kind in KINDS:
        for tier in ("permissive", "copyleft"):
            own = [row for row in rows if (row["kind"], row["tier"]) == (kind, tier)]
            lines.append(f"{kind:8} {tier:10} {len(own):6} files {hours(own):6.2f} h")
    return "\n".join(lines)


def hours(rows: Sequence[Mapping[str, str]]) -> float:
    """Return the hours of sound in files, without the silence around short ones."""
    return sum(float(row["seconds"]) - float(row["padded_s"]) for row in rows) / 3600
