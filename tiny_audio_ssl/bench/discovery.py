"""Find the subjects in paths: artifacts of exports, the eager model of each, and peers.

An export's manifest.json describes its artifacts. A peer is an .onnx or .pte without a manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.bench import eager, peers
from tiny_audio_ssl.bench.subjects import PEER, STREAM, Subject
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.forms import FORMATS
from tiny_audio_ssl.utils.files import short_names

SUFFIXES = tuple(form.suffix for form in FORMATS.values())


def find_subjects(
    paths: Sequence[str | Path], peer_ms: float = WINDOW_MS, compiled: bool = False
) -> list[Subject]:
    """Return every subject once: artifacts, and before them the eager models they come from.

    Args:
        paths: export folders, artifacts within them, peers.
        peer_ms: sound at 16 kHz for peers whose input has a free length.
        compiled: add each model under `torch.compile`.

    Raises `UserError`: nothing to time, no manifest or one of another version, an artifact that
    the manifest does not list, a missing extra.
    """
    given = [Path(path) for path in paths]
    folders = list(dict.fromkeys(_folder(path) for path in given if not is_peer(path)))
    models = dict(zip(folders, short_names([_run(folder) for folder in folders]), strict=True))
    found: list[Subject] = []
    for path in given:
        if is_peer(path):
            found.append(_peer(path, peer_ms))
        else:
            found += _exported(path, models[_folder(path)], compiled)
    if not found:
        raise UserError("nothing to time; give export folders, such as RUN/export")
    return list(dict.fromkeys(found))


def is_peer(path: Path) -> bool:
    """Tell whether a path is an artifact with no manifest beside it."""
    return path.suffix in SUFFIXES and not (path.parent / manifest.MANIFEST).is_file()


def _folder(path: Path) -> Path:
    return (path if path.is_dir() else path.parent).resolve()


def _run(folder: Path) -> Path:
    """Return the folder that names the model: RUN for RUN/export."""
    return folder.parent if folder.name == "export" else folder


def _exported(path: Path, model: str, compiled: bool) -> Iterator[Subject]:
    folder = path if path.is_dir() else path.parent
    content = manifest.read(folder)
    entries = [a for a in content["artifacts"] if path.is_dir() or a["file"] == path.name]
    if not entries:
        raise UserError(f"{path}: not in {folder / manifest.MANIFEST}; give one of its artifacts")
    by_input = {entry["input"]["kind"]: entry for entry in entries}
    networks = {kind: eager.build_network(content, entry) for kind, entry in by_input.items()}
    counts = {
        kind: eager.count_multiply_adds(networks[kind], _shapes(entry))
        for kind, entry in by_input.items()
    }
    for name in ("eager", "torch.compile") if compiled else ("eager",):
        for kind, entry in by_input.items():
            network = networks[kind] if name == "eager" else eager.compile_network(networks[kind])
            yield _subject(content, entry, model, f"{name} {kind}", counts[kind], network=network)
    for entry in entries:
        path = (folder / entry["file"]).resolve()
        yield _subject(
            content, entry, model, entry["file"], counts[entry["input"]["kind"]], path=path
        )


def _subject(
    content: Mapping[str, Any],
    entry: Mapping[str, Any],
    model: str,
    artifact: str,
    multiply_adds: int,
    path: Path | None = None,
    network: nn.Module | None = None,
) -> Subject:
    packet_ms = entry[STREAM]["packet_ms"] if STREAM in entry else None
    return Subject(
        model=model,
        artifact=artifact,
        runtime=_runtime(path),
        precision=entry["precision"] if path else "fp32",
        input=entry["input"]["kind"],
        shapes=_shapes(entry),
        window_ms=packet_ms or content["window_ms"],
        multiply_adds=multiply_adds,
        path=path,
        sizes_vary=bool(entry["input"].get("sizes")),
        network=network,
    )


def _runtime(path: Path | None) -> str:
    if path is None:
        return "torch"
    return next(f.packages[0] for f in FORMATS.values() if f.suffix == path.suffix)


def _shapes(entry: Mapping[str, Any]) -> tuple[tuple[int, ...], ...]:
    inputs = [entry["input"], *(entry[STREAM]["state"] if STREAM in entry else [])]
    return tuple((1, *given["shape"][1:]) for given in inputs)


def _peer(path: Path, peer_ms: float) -> Subject:
    found = peers.read(path, peer_ms)
    return Subject(
        model=PEER,
        artifact=path.name,
        runtime=_runtime(path),
        precision=None,
        input=found.input,
        shapes=(found.shape,),
        window_ms=found.window_ms,
        multiply_adds=found.multiply_adds,
        path=path.resolve(),
    )
