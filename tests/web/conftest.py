"""An export, the page made of it, and the built library, which the tests of the page share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.exports import exported_once
from support.made_once import made_once
from support.paths import ROOT

from tiny_audio_ssl.export import manifest, web
from tiny_audio_ssl.export.exporter import export

LIBRARY = ROOT / "export" / "web" / "encoder" / "dist" / "index.js"


@pytest.fixture(scope="session")
def built() -> Path:
    """The built page; `make test` builds it where npm is."""
    if not (web.BUILT / web.START).is_file() or not LIBRARY.is_file():
        reason = "the page is not built: type `make web`, which needs npm"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return web.BUILT


@pytest.fixture(scope="session")
def ask(built: Path) -> Callable[..., Any]:
    """Ask the library, in Node, and return its answer, or what it threw as a string."""
    script = Path(__file__).with_name("library.mjs")

    def asked(question: str, **given: Any) -> Any:
        text = json.dumps({"question": question, **given})
        done = subprocess.run(["node", str(script)], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        return found["answer"] if "answer" in found else found["error"]

    return asked


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model `tiny` for browsers: streams and waveforms in int8 and fp32."""
    return exported_once(
        tmp_path_factory,
        "web-export",
        lambda folder: export(
            "tiny",
            folder,
            format="onnx",
            input=("stream", "waveform"),
            packet_ms=160.0,
            calibration_clips=16,
            parity_clips=8,
        ),
    ).folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, exported: Path, built: Path) -> Path:
    """A folder to serve: the page, and in `fp32/` the same page that listens in fp32."""

    def make(folder: Path) -> None:
        web.install(exported, folder / "site", "tiny")
        exact = folder / "exact"
        shutil.copytree(exported, exact)
        content = manifest.trusted(exported)
        del content[manifest.SEAL]
        content["artifacts"] = [a for a in content["artifacts"] if a["precision"] == "fp32"]
        manifest.write(exact, content)
        web.install(exact, folder / "site" / "fp32", "tiny")

    return made_once(tmp_path_factory, "web-site", make) / "site"
