"""The command line of another commit, timed beside this one's."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
MAIN = "from tiny_audio_ssl.cli import main; main()"  # works in every version


def checked_out(commit: str, folder: Path) -> Path:
    """Write the package of a commit into a new folder, and return the folder.

    Early versions kept parts of the package elsewhere, as their pyproject.toml says.
    """
    folder.mkdir()
    archive = subprocess.run(
        ["git", "-C", ROOT, "archive", commit], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
    settings = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["setuptools"]
    for package, place in settings.get("package-dir", {}).items():
        wanted = folder / package.replace(".", "/")
        if wanted != folder / place:
            (folder / place).rename(wanted)
    return folder


def cpu_s(arguments: Sequence[str], tree: Path, exit_code: int = 0) -> float:
    """Run a command of the version in `tree`; return the processor time of all its processes."""
    with TemporaryDirectory(prefix="timed-") as folder:
        environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # or each start compiles all modules
        began = children_s()
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        took = children_s() - began
    if done.returncode != exit_code:
        command = " ".join(arguments)
        raise SystemExit(f"{command} in {tree} ended with {done.returncode}: {done.stderr}")
    return took


def children_s() -> float:
    """Return the processor time of all processes that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
