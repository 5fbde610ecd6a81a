"""Headless Chromium for tests of pages, and what it asked for and complained about."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest


@contextlib.contextmanager
def chromium(arguments: Sequence[str] = (), downloads: Path | None = None) -> Iterator[Any]:
    """Yield a browser that writes down its console and every request.

    Without Chromium the test is skipped, or fails in CI.
    """
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        reason = "no Chromium; install Debian's chromium and chromium-driver"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    always = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--mute-audio")
    # Else a page is still scrolling smoothly to what had the focus when the next click comes.
    for argument in (*always, "--force-prefers-reduced-motion", *arguments):
        options.add_argument(argument)
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(driver, log_output=subprocess.DEVNULL)
    found = webdriver.Chrome(options=options, service=service)
    try:
        yield found
    finally:
        found.quit()


def requests(browser: Any) -> list[str]:
    """Return the addresses that pages have asked for since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
