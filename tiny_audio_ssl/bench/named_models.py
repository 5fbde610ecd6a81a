"""Export models that are given by name, to time their artifacts."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.names import home_of, is_name
from tiny_audio_ssl.utils.files import sha256


@contextlib.contextmanager
def with_exports(
    paths: Sequence[str | Path], progress: Callable[[str], None]
) -> Iterator[list[str | Path]]:
    """Yield the paths, with an export folder in place of each name of a model.

    It is NAME/export in the working directory if that was exported from the same weights. Otherwise
    the model is exported into a temporary folder, which is removed afterwards.

    Raises `UserError`: a missing extra, a name that two models share.
    """
    with tempfile.TemporaryDirectory() as work:
        yield [_export_of(path, Path(work), progress) if is_name(path) else path for path in paths]


def _export_of(name: str | Path, work: Path, progress: Callable[[str], None]) -> Path:
    made = home_of(name) / "export"
    weights = sha256(checkpoint.locate(name) / checkpoint.MODEL)
    there = (made / manifest.MANIFEST).is_file()
    if there and manifest.read(made)["checkpoint"]["model_sha256"] == weights:
        return made
    progress(f"exporting {name}")
    return export(name, work / home_of(name).name / "export", parity=False).folder
