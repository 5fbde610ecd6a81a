"""Files that a repeated export may replace: only those that the earlier export wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.manifest import MANIFEST, SEAL
from tiny_audio_ssl.export.model_card import MODEL_CARD, is_edited
from tiny_audio_ssl.export.reference import REFERENCE
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.utils.ownership import check_no_input

Kind = Literal["export", "export-training"]  # the command that makes it


def replaceable(target: Path, kind: Kind, inputs: Iterable[str | Path] = ()) -> list[str]:
    """Return the files in `target`, by their paths in it, that an earlier export wrote there.

    Args:
        inputs: files and folders that this export reads.

    Raises `UserError`: something other than an export of this kind is in the way, an input is among
    those files, or the model card was changed by hand.
    """
    inputs = list(inputs)
    check_no_input(target, inputs)
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return []
    content = _manifest(target)
    if content is None or _kind(content) != kind:
        raise UserError(
            f"{target}: already exists and was not made by `tiny-audio-ssl {kind}` (no {MANIFEST} "
            "of it), so it is not replaced; name another folder with --out"
        )
    written = _written(content)
    for name in written:
        check_no_input(target / name, inputs)
        if (target / name).parent != target:
            check_no_input((target / name).parent, inputs)
    if MODEL_CARD in written and is_edited(target / MODEL_CARD):
        raise UserError(
            f"{target / MODEL_CARD}: edited since it was exported, or written by an older version, "
            "so it is not replaced; rename it, or name another folder with --out"
        )
    return written


def _manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of an export, even of another version; None if there is none."""
    try:
        content = json.loads((folder / MANIFEST).read_text())
        return content if {"format_version", "artifacts", SEAL} <= content.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def _kind(content: Mapping[str, Any]) -> Kind:
    trains = any("checkpoint" in artifact for artifact in content["artifacts"])
    return "export-training" if trains else "export"


def _written(content: Mapping[str, Any]) -> list[str]:
    written = [MANIFEST, REFERENCE]
    if _kind(content) == "export":
        written.append(MODEL_CARD)
    if background := content.get("background"):
        written.append(background["file"])
    for artifact in content["artifacts"]:
        written.append(artifact["file"])
        if start := artifact.get("checkpoint"):
            written += [f"{start}/{name}" for name in checkpoint.FILES]
    return written
