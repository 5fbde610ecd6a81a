"""Folders of the repository that tests look into."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
PHONES = TESTS / "data" / "phones"  # answers of real phones, in the formats of their versions
