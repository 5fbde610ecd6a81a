"""Times of the page for browsers in headless Chromium, beside the C++ runner on the same core.

python benchmarks/browser.py

Presses the page's own Measure button, and lets ONNX Runtime time the same files from C++; both take
turns. Also writes how many bytes a browser loads first. Needs `make web`, Debian's chromium and
chromium-driver, and the package selenium.
"""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import tyro

import tiny_audio_ssl
from tiny_audio_ssl.bench.saved_json import read_json
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import web
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results"
PATIENCE_S = 300
PARTS = {"runtime/": "ONNX Runtime Web", f"{web.ARTIFACTS}/": "artifacts"}
ISOLATED = {  # else a browser's clock is coarse
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


@dataclass(frozen=True)
class Browser:
    """One row for each artifact of a page."""

    models: tuple[str, ...] = ("tiny", "small")
    """Models to make pages of: names or runs."""
    rounds: int = 3
    """Times that the page and the C++ runner measure, in turn."""
    csv: Path = RESULTS / "browser.csv"
    sizes: Path = RESULTS / "browser_sizes.csv"


def main(wanted: Browser) -> None:
    rows: list[dict[str, Any]] = []
    sizes: list[dict[str, Any]] = []
    with TemporaryDirectory(prefix="browser-") as temporary:
        for model in wanted.models:
            artifacts, page = Path(temporary) / model, Path(temporary) / f"{model}-page"
            export(model, artifacts, format="onnx", input=web.INPUTS, parity=False)
            web.install(artifacts, page, model)
            sizes += ({"model": model, **row} for row in first_load(page))
            rows += compared(model, artifacts, page, wanted.rounds)
    write_rows(wanted.csv, rows)
    write_rows(wanted.sizes, sizes)


def compared(model: str, artifacts: Path, page: Path, rounds: int) -> Iterator[dict[str, Any]]:
    """Give a row for each artifact of a page: both times, and their ratio."""
    times: dict[str, list[tuple[float, float]]] = {}
    with served(page) as address, chromium(page.parent) as browser:
        for _ in range(rounds):
            inside = {
                row.artifact: row
                for row in measured(browser, address, page.parent / "bench.json")
                if row.threads == 1
            }
            native = tiny_audio_ssl.bench(artifacts, targets=["host-native"])
            outside = {row.artifact: row.p50_ms for row in native}
            for name, row in inside.items():
                times.setdefault(name, []).append((row.p50_ms, outside[name]))
    any_row = next(iter(inside.values()))
    for name, pairs in sorted(times.items()):
        ratio = median(page_ms / native_ms for page_ms, native_ms in pairs)
        print(f"{model}, {name}: {ratio:.1f} times as long as from C++", flush=True)
        yield {
            "model": model,
            "artifact": name,
            "browser": any_row.web.browser if any_row.web else "",
            "page_ms": f"{median(page_ms for page_ms, _ in pairs):.3f}",
            "native_ms": f"{median(native_ms for _, native_ms in pairs):.3f}",
            "times_as_long": f"{ratio:.2f}",
            "rounds": rounds,
            "device": native[0].device,
            "runtime": any_row.version,
        }


def measured(browser: Any, address: str, saved: Path) -> list[Any]:
    """Press Measure, save the result, and return its rows."""
    saved.unlink(missing_ok=True)
    browser.get(address)
    wait(lambda: browser.execute_script("return document.documentElement.dataset.ready"))
    press(browser, "[data-tab=speed]")
    press(browser, "#measure")
    wait(lambda: browser.find_elements("id", "save-result"))
    press(browser, "#save-result")
    wait(lambda: saved.is_file() and complete(saved))
    return read_json(saved)


def press(browser: Any, selector: str) -> None:
    """Click on an element, wherever it is on the page."""
    browser.execute_script(f"document.querySelector({json.dumps(selector)}).click()")


def complete(file: Path) -> bool:
    """Return whether a download has arrived whole."""
    try:
        return bool(json.loads(file.read_text()))
    except ValueError:
        return False


def wait(ready: Any) -> None:
    """Wait until `ready()` is true. Raises `TimeoutError` after some minutes."""
    end = time.monotonic() + PATIENCE_S
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("the page does not answer")
        time.sleep(0.2)


@contextmanager
def chromium(downloads: Path) -> Iterator[Any]:
    """Start a browser without a window, which saves files into a folder."""
    webdriver = require("selenium.webdriver", "dev")
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        raise UserError("no Chromium; install Debian's chromium and chromium-driver")
    options.binary_location = program
    service = webdriver.ChromeService(driver, log_output=subprocess.DEVNULL)
    browser = webdriver.Chrome(options=options, service=service)
    try:
        yield browser
    finally:
        browser.quit()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        for name, value in ISOLATED.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; yields its address."""
    handler = functools.partial(_Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def first_load(page: Path) -> Iterator[dict[str, Any]]:
    """Give the bytes of all files of a page, by part, as they are and compressed."""
    found: dict[str, list[bytes]] = {}
    for name in web.files_of(page) or ():
        part = next((PARTS[start] for start in PARTS if name.startswith(start)), "page")
        found.setdefault(part, []).append((page / name).read_bytes())
    for part, contents in sorted(found.items()):
        zipped = sum(len(gzip.compress(content, 6, mtime=0)) for content in contents)
        yield {
            "part": part,
            "files": len(contents),
            "kb": round(sum(map(len, contents)) / 1000),
            "kb_compressed": round(zipped / 1000),
        }


if __name__ == "__main__":
    main(tyro.cli(Browser, description=__doc__))
