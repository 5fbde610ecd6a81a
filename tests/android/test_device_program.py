"""The program `tiny-audio-device` as a user starts it."""

from __future__ import annotations

import os
import subprocess

import pytest


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "--state is missing"),
        (["--state"], "--state needs a value"),
        (
            ["--state", "{folder}", "--folder", "{folder}/none"],
            "none/device.json: not found; make it",
        ),
        (["--state", "{folder}", "--verbose"], "--verbose is not an option"),
    ],
)
def test_wrong_options_are_explained(options, problem, device_program, tmp_path):
    given = [one.format(folder=tmp_path) for one in options]
    done = subprocess.run([device_program, *given], capture_output=True, text=True)
    assert done.returncode in (1, 2) and not done.stdout
    assert done.stderr.startswith("tiny-audio-device: ") and problem in done.stderr
    assert ("usage: tiny-audio-device " in done.stderr) == (done.returncode == 2)


def test_help_names_every_option(device_program):
    done = subprocess.run([device_program, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
    options = ("state", "key", "server", "authority", "folder", "clips", "engine", "releases")
    assert [one for one in options if f"\n  --{one} " not in done.stdout] == []


def test_classes_come_from_the_archive_made_when_it_was_built(device_program, tmp_path):
    log = tmp_path / "classes.log"
    options = {"_JAVA_OPTIONS": f"-Xlog:class+load=info:file={log}"}
    command = [device_program, "--state", tmp_path / "state", "--key"]
    subprocess.run(command, env=os.environ | options, check=True, capture_output=True)
    loaded = [line for line in log.read_text().splitlines() if " org.tinyaudiossl." in line]
    assert loaded and [line for line in loaded if "shared objects file" not in line] == []
