"""The folder in which the tutorials run while the site is built.

Their code blocks are run by markdown-exec, one page after another, in `runs/tutorials`: the
outputs on the pages are real, and a command that fails fails the build. RUN_TUTORIALS=false shows
the blocks without running them: then the site is built in seconds, while writing.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig

FOLDER = Path(__file__).resolve().parents[2] / "runs" / "tutorials"
RUN = re.compile(r"^(```\w+) exec=.*$", re.MULTILINE)
ENVIRONMENT = {"COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}


def on_pre_build(config: MkDocsConfig) -> None:
    """Empty the folder, and let the blocks find this environment's programs first."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    programs = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([programs, os.environ["PATH"]])
    os.environ.update(ENVIRONMENT)


def on_page_markdown(markdown: str, **of_page: Any) -> str:
    """Leave blocks unchanged if tutorials are not to be run."""
    return RUN.sub(r"\1", markdown) if os.environ.get("RUN_TUTORIALS") == "false" else markdown


def on_post_build(config: MkDocsConfig) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
