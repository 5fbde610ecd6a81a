"""Credits for a corpus, from the manifest.csv that `benchmarks/corpus` writes."""

from __future__ import annotations

import csv
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.model_card import table
from tiny_audio_ssl.utils.files import sha256
from tiny_audio_ssl.utils.text import markdown, one_line

Row = dict[str, str]
COLUMNS = ("kind", "source", "version", "author", "license", "tier", "seconds")
ADDRESS = re.compile(r"\s*<[^<>]*@[^<>]*>")  # of e-mail


def read(manifest: Path) -> list[Row]:
    """Read the manifest. Raises `UserError`: no such file, columns or rows."""
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            rows = list(reader)
    except (OSError, UnicodeError, csv.Error) as error:
        raise UserError(f"{manifest}: not a manifest that can be read ({error})") from error
    if missing or not rows:
        lack = f"no column {', '.join(missing)}" if missing else "no rows"
        raise UserError(
            f"{manifest}: {lack}; expected the manifest.csv that `python benchmarks/corpus OUT` "
            "writes"
        )
    return rows


def facts(manifest: Path, rows: Sequence[Row]) -> dict[str, Any]:
    """Return files and hours of the corpus, in all, by kind and by tier."""
    return {
        "files": len(rows),
        "hours": _hours(rows),
        "hours_by_kind": {kind: _hours(own) for kind, own in _by(rows, "kind").items()},
        "hours_by_tier": {tier: _hours(own) for tier, own in _by(rows, "tier").items()},
        "manifest_sha256": sha256(manifest),
    }


def section(rows: Sequence[Row]) -> str:
    """Return the section of the card: a line for each source."""
    lines = [
        (
            markdown(f"{source} {own[0]['version']}".strip()),
            ", ".join(_by(own, "kind")),
            f"{len(own):,}",
            f"{_hours(own):.2f}",
            markdown(", ".join(_by(own, "license"))),
            ", ".join(_by(own, "tier")),
            str(len({row["author"] for row in own})),
        )
        for source, own in _by(rows, "source").items()
    ]
    tiers = ", ".join(f"{_hours(own):.1f} hours {tier}" for tier, own in _by(rows, "tier").items())
    columns = ("source", "kinds", "files", "hours", "licenses", "tier", "authors")
    return (
        f"## Data\n\n{len(rows):,} files, {_hours(rows):.1f} hours of free sound: {tiers}. None of "
        "it is part of the model; `NOTICE` names the authors.\n\n" + table(columns, lines)
    )


def notice(rows: Sequence[Row]) -> str:
    """Return the authors of the recordings, by source and license."""
    parts = []
    for source, own in _by(rows, "source").items():
        parts.append(f"{source} {own[0]['version']}".strip())
        for license, files in _by(own, "license").items():
            named = {ADDRESS.sub("", one_line(row["author"])).strip() for row in files} - {""}
            in_order = sorted(named, key=lambda name: (name.lower(), name))
            authors = "; ".join(in_order) or "authors not named"
            line = f"{license}: {authors}"
            parts.append(textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="    "))
    return "\n".join(parts)


def _by(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return dict(sorted(groups.items()))


def _hours(rows: Iterable[Row]) -> float:
    return round(sum(float(row["seconds"]) for row in rows) / 3600, 2)
