"""The documentation site: it builds strictly, with its tutorials, and needs no other host."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from tiny_audio_ssl.commands.registry import COMMANDS
from tiny_audio_ssl.pretext.registry import TASKS

FETCHED = re.compile(
    r"<(?:script|img|link|iframe|source)\b[^>]*\b(?:src|href|srcset)=[\"']?https?:"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site: every page, every tutorial run. A warning ends the build with an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_nothing_is_fetched_from_another_host(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    assert [page for page in pages if FETCHED.search(text(page))] == []


def test_every_command_and_task_has_its_options(site: Path):
    page = text(site / "reference" / "commands.html")
    usage = re.search(r"federate \[-h\] \{([\w,-]+)\}", page)
    assert usage is not None
    subcommands = [f"federate-{action}" for action in usage[1].split(",")]
    assert "federate-enroll" in subcommands
    listed = [*COMMANDS, *subcommands, "models-push"]
    assert [name for name in listed if f'id="{name}"' not in page] == []
    assert [task for task in TASKS if f"--task {task}</code>" not in page] == []
    assert "<code>--batch-size INT</code>" in page and "<code>--rounds INT</code>" in page


def test_reference_is_made_from_docstrings_and_the_schema(site: Path):
    functions = text(site / "reference" / "functions.html")
    assert "Pre-train an encoder on unlabeled recordings, into the folder" in functions
    assert "group_column" in functions
    manifest = text(site / "reference" / "manifest.html")
    assert "content_sha256" in manifest and 'href="#artifact"' in manifest


def test_links_out_of_the_documentation_lead_to_pages_of_the_site(site: Path):
    results = text(site / "results.html")
    assert 'href="repository/benchmarks/suites/small.toml.html"' in results
    assert 'srcset="repository/benchmarks/results/comparison-dark.svg"' in results
    assert (site / "repository" / "benchmarks" / "results" / "comparison-dark.svg").is_file()
    assert "ESC-10" in text(site / "repository" / "benchmarks" / "suites" / "small.toml.html")


def test_tutorials_show_what_was_computed(site: Path):
    shown = {page.stem: text(page) for page in (site / "tutorials").glob("*.html")}
    assert "random weights" in shown["evening"] and "encoder.waveform.int8.pte" in shown["evening"]
    assert "(unknown)" in shown["teaching"]
    assert "the contract is kept" in shown["pretext-task"]
    assert "hear:band_energies" in shown["comparison"]
    rounds = re.findall(r"'round': (\d)", html.unescape(shown["federation"]))
    assert "up_bytes" in shown["federation"] and set(rounds) == set("123")
