"""Licenses of packaged files, from Debian's machine-readable copyright files (DEP-5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Literal

from tiny_audio_ssl.utils.extras import require

Tier = Literal["permissive", "copyleft"]

PERMISSIVE = re.compile(
    r"^(cc0|public[- ]domain|pd\b|cc[- ]by[- ]?[0-9.]*$|cc-by$|mit|expat|x11|isc|zlib|wtfpl"
    r"|apache|bsd|drascula)",
    re.IGNORECASE,
)
COPYLEFT = re.compile(r"^(a?gpl|lgpl|gfdl|cc[- ]by[- ]sa)", re.IGNORECASE)


@dataclass(frozen=True)
class License:
    """The terms of one file, and whom to credit."""

    name: str
    author: str


def tier_of(name: str) -> Tier | None:
    """Return the tier of a license, None if it is neither permissive nor free copyleft.

    Of alternatives ("GPL-3 or CC-BY-3.0") the most permissive counts; of conditions that hold
    together ("GPL-2+ and MIT"), the least.
    """
    alternatives = [
        [_single(part) for part in re.split(r"\s+and\s+|,", choice)]
        for choice in re.split(r"\s+or\s+", name.strip())
    ]
    tiers = [
        "copyleft" if "copyleft" in parts else "permissive"
        for parts in alternatives
        if None not in parts
    ]
    if not tiers:
        return None
    return "permissive" if "permissive" in tiers else "copyleft"


def _single(name: str) -> Tier | None:
    name = name.strip()
    if PERMISSIVE.match(name):
        return "permissive"
    return "copyleft" if COPYLEFT.match(name) else None


class PackageLicenses:
    """The licenses of the files that one package installs."""

    def __init__(self, copyright_file: Path) -> None:
        """Raise `ValueError` if the copyright file is missing or not machine-readable."""
        dep5 = require("debian.copyright", "corpus")
        try:
            with copyright_file.open(encoding="utf-8", errors="replace") as file:
                paragraphs = list(dep5.Copyright(file, strict=False).all_files_paragraphs())
        except (OSError, dep5.NotMachineReadableError, dep5.MachineReadableFormatError) as error:
            raise ValueError(f"{copyright_file}: not machine-readable: {error}") from error
        self._paragraphs = [
            (
                tuple(paragraph.files),
                License(_name(paragraph.license), _one_line(paragraph.copyright)),
            )
            for paragraph in paragraphs
        ]

    def of(self, installed: PurePosixPath) -> License | None:
        """Return the license of an installed file; as in DEP-5, the last matching paragraph holds.

        A copyright file names paths of the source tree. Installed files keep their names and their
        nearest folders, so a pattern matches if what remains of it without some leading folders
        matches the end of the installed path.
        """
        found = None
        for patterns, license_ in self._paragraphs:
            if any(_matches(pattern, installed.parts) for pattern in patterns):
                found = license_
        return found


def _matches(pattern: str, parts: Sequence[str]) -> bool:
    if pattern == "*":
        return True
    folders = pattern.split("/")
    for first in range(len(folders)):
        rest = "/".join(folders[first:])
        if rest == "*":  # of a folder that is not part of the installed path
            return False
        ends = ("/".join(parts[start:]) for start in range(len(parts)))
        if any(fnmatchcase(end, rest) for end in ends):
            return True
    return False


def _name(license_: object) -> str:
    return str(getattr(license_, "synopsis", "") or "unknown")


def _one_line(text: object) -> str:
    return re.sub(r"\s+", " ", str(text or "")).strip()[:200]
