"""Read and write manifest.json: everything an app needs to know about the artifacts beside it.

Imports no PyTorch.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import sha256, write_json
from tiny_audio_ssl.utils.written_by import unreadable

FORMAT_VERSION = 3
READABLE_VERSIONS = (2, 3)  # 2: the key `license` was spelled `licence`
SCHEMA = "manifest.schema.json"
SEAL = "content_sha256"
MANIFEST = "manifest.json"


class ManifestError(UserError):
    """Raised for a manifest, or an artifact beside it, that is missing, altered or of another
    version."""


def learned_dim(content: Mapping[str, Any]) -> int | None:
    """Return the size of the first part of an embedding, which depends on the weights; None for
    manifests of older versions, which do not state it.
    """
    found: int | None = content.get("encoder", {}).get("learned_dim")
    return found


def write(folder: Path, content: dict[str, Any]) -> Path:
    """Write the manifest, which must fit the schema, with a hash of its own content."""
    content = json.loads(json.dumps(content))  # tuples become lists, as a reader finds them
    sealed = {**content, SEAL: _digest(content)}
    if wrong := violations(sealed):
        raise AssertionError(f"{SCHEMA}: {'; '.join(wrong)}")
    write_json(folder / MANIFEST, sealed)
    return folder / MANIFEST


def copy(
    export: Path, folder: Path, content: Mapping[str, Any], artifacts: Sequence[Mapping[str, Any]]
) -> None:
    """Copy some artifacts of an export to another folder, with all that belongs to them."""
    rest = {name: value for name, value in content.items() if name != SEAL}
    chosen = rest | {"artifacts": list(artifacts)}
    for entry in files_of(chosen):
        shutil.copyfile(export / entry["file"], folder / entry["file"])
    write(folder, chosen)


def schema() -> dict[str, Any]:
    """Read the JSON Schema (draft 2020-12) of a manifest, which is installed beside this module."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name(SCHEMA).read_text())
    return found


def violations(content: Any) -> list[str]:
    """Return one line for each way in which a manifest violates the schema."""
    # Both extras that export bring it: whoever can run an artifact can check its manifest.
    jsonschema = require("jsonschema", "onnx")
    found = jsonschema.Draft202012Validator(schema()).iter_errors(content)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def trusted(path: str | Path) -> dict[str, Any]:
    """Read the manifest of an export folder, which must be unchanged; open no artifact.

    Raises `ManifestError` if there is none, or if it has another format version, was edited or
    violates the schema.
    """
    file = _file(path)
    content = _parsed(file)
    if wrong := violations(content):
        raise ManifestError(f"{file}: does not fit {SCHEMA}: {'; '.join(wrong[:3])}")
    if content[SEAL] != _digest(content):
        raise ManifestError(f"{file}: edited since it was written; copy it again, or export again")
    return content


def read(path: str | Path) -> dict[str, Any]:
    """Read the manifest of an export folder (or the file itself) and check every artifact.

    Raises `ManifestError` if there is none, if it is damaged or has another format version, or if
    an artifact or the background is missing, truncated or altered.
    """
    file = _file(path)
    content = _parsed(file)
    for entry in files_of(content):
        check(file.parent / entry["file"], entry)
    return content


def files_of(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of the artifacts and of the background, if there is one."""
    background = content.get("background")
    return [*content["artifacts"], *([background] if background else [])]


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path / MANIFEST if path.is_dir() else path


def _digest(content: dict[str, Any]) -> str:
    """Hash everything but the digest itself, whatever the order and the line breaks."""
    rest = {name: value for name, value in content.items() if name != SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _parsed(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
        version = content["format_version"]
    except FileNotFoundError as error:
        raise ManifestError(
            f"{file}: not found; expected a folder written by `tiny-audio-ssl export RUN`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{file}: not a manifest ({error}); export again") from error
    if version not in READABLE_VERSIONS:
        reads = f"format versions {' and '.join(map(str, READABLE_VERSIONS))}"
        raise ManifestError(unreadable(file, f"format version {version}", reads, content))
    return dict(content)


def check(path: Path, artifact: dict[str, Any]) -> None:
    """Raise `ManifestError` if an artifact is missing, or differs in size or hash."""
    if not path.is_file():
        raise ManifestError(
            f"{path}: missing, but listed in {MANIFEST}; copy the whole folder again"
        )
    size = path.stat().st_size
    if size != artifact["bytes"] or sha256(path) != artifact["sha256"]:
        raise ManifestError(
            f"{path}: truncated or altered ({size} bytes; {MANIFEST} says {artifact['bytes']} and "
            "another sha256); copy the folder again, or export again"
        )
