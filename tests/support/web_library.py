"""Questions to the built library @tiny-audio-ssl/encoder, in Node."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

from tiny_audio_ssl.export import web

LIBRARY = ROOT / "export" / "web" / "encoder" / "dist" / "index.js"
SCRIPT = ROOT / "tests" / "web" / "library.mjs"


def built_page() -> Path:
    """Return the built page; `make test` builds it, and the library, where npm is."""
    if not (web.BUILT / web.START).is_file() or not LIBRARY.is_file():
        reason = "the page is not built: type `make web`, which needs npm"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return web.BUILT


def ask(question: str, **given: Any) -> Any:
    """Return the library's answer, or what it threw as a string."""
    text = json.dumps({"question": question, **given})
    done = subprocess.run(["node", str(SCRIPT)], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return found["answer"] if "answer" in found else found["error"]
