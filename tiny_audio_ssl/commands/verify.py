"""verify: check that an export is unchanged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out


@dataclass
class Verify(Command):
    """Check artifacts: schema, hashes, and whether their embeddings match those recorded at export.

    Needs no recordings, because the reference clips are computed with integer arithmetic. Prints
    one line per problem, and ends with exit code 1 if there is any.
    """

    path: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="ARTIFACT_OR_FOLDER")]
    """Export folder, or one artifact in it with its manifest.json and reference.json."""
    json: bool = False
    """Print the result as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.export.verify import verify

        result = verify(self.path)
        if self.json:
            found = {
                "ok": result.ok,
                "folder": str(result.folder),
                "artifacts": result.artifacts,
                "problems": result.problems,
            }
            print(json.dumps(found))
            return 0 if result.ok else 1
        for problem in result.problems:
            err.print(problem, style="red")
        if result.ok:
            count = len(result.artifacts)
            out.print(f"{result.folder}: {count} artifacts as exported")
        return 0 if result.ok else 1
