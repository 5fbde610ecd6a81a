"""CITATION.cff, CHANGELOG.md and CONTRIBUTING.md: they agree with the package."""

from __future__ import annotations

import re
import tomllib

import pytest
from support.paths import ROOT

import tiny_audio_ssl


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_citation_names_the_version_and_the_license():
    citation = read("CITATION.cff")
    license_name = tomllib.loads(read("pyproject.toml"))["project"]["license"]
    assert f"\nversion: {tiny_audio_ssl.__version__}\n" in citation
    assert f"\nlicense: {license_name}\n" in citation


def test_changelog_has_the_version_or_is_about_it():
    version = re.escape(tiny_audio_ssl.__version__)
    assert re.search(rf"^## {version} |^What will be {version}\b", read("CHANGELOG.md"), re.M)


def test_contributing_lists_the_packages_in_the_order_that_is_checked():
    (contract, _) = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = [set(layer.split(" | ")) for layer in reversed(contract["layers"])]
    (paragraph,) = re.findall(r"^`errors`, .*?`commands`$", read("CONTRIBUTING.md"), re.M | re.S)
    shown = [set(re.findall(r"`(\w+)`", part)) for part in paragraph.split(",")]
    assert shown == layers


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_to_files(page: str):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page))
    assert links and [link for link in links if not (ROOT / link).exists()] == []
