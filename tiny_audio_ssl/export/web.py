"""Write a page that listens with a run's artifacts: a folder of static files for any web server.

The page itself is built from export/web/ by `make web`, and comes with the installed package.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.utils.claim import claimed_target
from tiny_audio_ssl.utils.files import atomic_folder
from tiny_audio_ssl.utils.ownership import check_no_input, mark

BUILT = Path(__file__).with_name("page")  # not in the repository
START = "index.html"
FILES = "files.js"  # names the page's files to itself, and to the next export
ARTIFACTS = "encoder"  # folder of the artifacts within the page
INPUTS = ("stream", "waveform")  # a page can listen with these
_HEAD = f"// {mark('export --web')}\nself.PAGE = "


def check(target: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Raise `UserError` unless a page can be written to `target`.

    Reasons: the page is not built, or `target` is one of the `inputs` or anything but a page.
    """
    if not (BUILT / START).is_file():
        raise UserError(
            "the page for browsers is not built: type `make web` in the checkout, which needs npm; "
            "installed packages include it"
        )
    _replaceable(target, inputs)


def install(export: Path, target: Path, model: str) -> Path:
    """Write the page, with all artifacts of an export that a browser can run.

    Args:
        export: a folder with an ONNX artifact that takes a stream or a waveform.
        target: the folder to make. The files of an earlier page there are replaced, others kept.
        model: the name that measurements of this page have.

    Returns the file to open.

    Raises `UserError`: what `check` raises; no such artifact, or one that is not as its manifest
    says; `target` can't be written.
    """
    content = manifest.read(export)
    chosen = playable(content)
    if not chosen:
        raise UserError(
            f"{export}: no ONNX artifact that takes a stream or a waveform, which the page needs "
            "for listening; export with --recipe web, or with --format onnx --input stream waveform"
        )
    check(target, [export])
    with claimed_target(target), atomic_folder(target, _replaceable(target)) as work:
        shutil.copytree(BUILT, work, dirs_exist_ok=True)
        place = work / ARTIFACTS
        place.mkdir()
        manifest.copy(export, place, content, chosen)
        _write_files(work, model)
    return target / START


def playable(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the manifest's entries of artifacts that a browser can listen with."""
    return [
        entry
        for entry in content["artifacts"]
        if entry["format"] == "onnx" and entry.get("input", {}).get("kind") in INPUTS
    ]


def files_of(page: Path) -> list[str] | None:
    """Return the files of a page by their paths in it, or None if the folder is not such a page."""
    try:
        text = (page / FILES).read_text(encoding="utf-8")
        return [*json.loads(text.removeprefix(_HEAD))["files"], FILES]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_files(page: Path, model: str) -> None:
    """Write the list of files, whose version changes if any of them does."""
    names = sorted(path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file())
    version = _digest(page, names)
    about = {"model": model, "version": version, "files": names}
    (page / FILES).write_text(_HEAD + json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _digest(page: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(hashlib.sha256((page / name).read_bytes()).digest() + name.encode())
    return digest.hexdigest()[:16]


def _replaceable(target: Path, inputs: Iterable[str | Path] = ()) -> list[str]:
    """Return the files of an earlier page in `target`, which may be replaced."""
    check_no_input(target, inputs)
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return []
    written = files_of(target)
    if written is None:
        raise UserError(
            f"{target}: already exists and was not made by `tiny-audio-ssl export --web`, so it is "
            "not replaced; name another folder with --web"
        )
    return written
