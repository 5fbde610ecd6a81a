"""Copy artifacts and their manifest into the assets of an Android project, and check them there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.replaceable import replaceable
from tiny_audio_ssl.utils.claim import claimed_target
from tiny_audio_ssl.utils.files import atomic_folder

ASSETS = Path("app/src/main/assets")
FOLDER = "encoder"  # within the assets; the app looks there
INPUTS = ("stream", "waveform")  # an app can listen with these, the cheaper first
PRECISIONS = ("int8", "fp16", "int8-weights", "fp32")


def assets_of(project: Path) -> Path:
    """Return the assets folder of a Gradle project. Raises `UserError` for any other folder."""
    if not (project / "app" / "src" / "main").is_dir():
        raise UserError(
            f"{project}: not an Android project (no app/src/main); give its folder, such as "
            "--android android_demo"
        )
    return project / ASSETS


def install(export: Path, project: Path) -> tuple[Path, ...]:
    """Copy the artifacts that the app listens with, one per runtime, and their manifest.

    Returns the artifacts' paths in the project. Files of an earlier call are replaced; all others
    are kept.

    Raises `UserError`: not an Android project; an export folder that is incomplete, or without an
    artifact that takes sound.
    """
    assets = assets_of(project)
    content = manifest.read(export)
    chosen = [min(entries, key=preference) for entries in _by_format(content)]
    if not any(entry["format"] == "onnx" for entry in chosen):
        raise UserError(
            f"{export}: no ONNX artifact that takes a stream or a waveform, which the app needs "
            "for listening; export with --format onnx and --input stream (or waveform)"
        )
    target = assets / FOLDER
    with claimed_target(target), atomic_folder(target, replaceable(target, "export")) as work:
        manifest.copy(export, work, content, chosen)
    return tuple(assets / FOLDER / entry["file"] for entry in chosen)


def preference(entry: Mapping[str, Any]) -> tuple[bool, int, int]:
    """Return the place of an artifact among those to listen with; the smallest is the best."""
    kind, precision = entry["input"]["kind"], entry["precision"]
    as_trained = entry.get("stream", {}).get("as_trained", True)
    return not as_trained, INPUTS.index(kind), PRECISIONS.index(precision)


def _by_format(content: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    # A training artifact has no "input".
    entries = [
        a
        for a in content["artifacts"]
        if a.get("input", {}).get("kind") in INPUTS and "product" not in a
    ]
    formats = dict.fromkeys(entry["format"] for entry in entries)
    return [[entry for entry in entries if entry["format"] == name] for name in formats]


if __name__ == "__main__":  # the build checks what it packs
    try:
        manifest.read(Path(sys.argv[1]) / FOLDER)
    except UserError as error:
        sys.exit(str(error))
