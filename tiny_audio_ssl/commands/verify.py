"""verify: is an export still what it was when it was made?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.export.verify import verify


@dataclass
class Verify(Command):
    """Check artifacts: schema and hashes, and that they give the embeddings that were recorded.

    Needs no recordings: the reference clips are made by arithmetic. Ends with exit code 1 and a
    line for each thing that is wrong.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="ARTIFACT_OR_FOLDER")]
    """An export folder, or one artifact in it, with its manifest.json and reference.json beside."""
    json: bool = False
    """Print the result as JSON."""

    def run(self) -> int:
        verdict = verify(self.path)
        if self.json:
            print(
                json.dumps(
                    {
                        "ok": verdict.ok,
                        "folder": str(verdict.folder),
                        "artifacts": verdict.artifacts,
                        "problems": verdict.problems,
                    }
                )
            )
        for problem in verdict.problems if not self.json else ():
            err.print(problem, style="red", markup=False)
        if verdict.ok and not self.json:
            count = len(verdict.artifacts)
            out.print(f"{verdict.folder}: {count} artifacts as exported", markup=False)
        return 0 if verdict.ok else 1
