"""What is timed: the artifacts of exports, the model of each in eager PyTorch, and peers.

An export's manifest.json says what an artifact takes. A peer is any .onnx or .pte without one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from tiny_audio_ssl.bench import eager, peers
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.forms import FORMATS
from tiny_audio_ssl.utils.files import short_names

SUFFIXES = tuple(form.suffix for form in FORMATS.values())
STREAM = "stream"  # the kind of input that comes packet by packet
PEER = "peer"  # in place of a model


@dataclass(frozen=True)
class Subject:
    """One thing to time. A run is one window, or one packet of a stream; the batch is one."""

    model: str  # tells exports apart: the end of their paths; or PEER
    artifact: str  # file name; "eager waveform", "torch.compile waveform"
    precision: str | None
    input: str  # waveform, mel or stream; of a peer the name that it has there
    shapes: tuple[tuple[int, ...], ...]  # of the inputs: the first is the sound, others the state
    window_ms: float | None  # of new sound in a run
    multiply_adds: int | None  # in a run, front-end included where it is in the artifact
    path: Path | None = None  # of the artifact
    sizes_vary: bool = False  # of its input; the shapes are then those of one window
    network: nn.Module | None = field(default=None, repr=False, compare=False)  # or the model

    @property
    def stream(self) -> bool:
        return self.input == STREAM

    @property
    def package(self) -> str:
        """The distribution that runs it."""
        if self.path is None:
            return "torch"
        return next(f.packages[0] for f in FORMATS.values() if f.suffix == self.path.suffix)

    def check_native(self) -> None:
        """Raises `UserError` where the C++ runner would run another size than Python does: it
        takes the largest that a .pte has."""
        if self.path and self.path.suffix == ".pte" and self.sizes_vary:
            raise UserError(
                f"{self.path}: its input has no one size, and the C++ runner takes the largest; "
                "export it without --max-window-ms and --max-batch, or time it by --target host"
            )

    @property
    def name(self) -> str:
        return f"{self.model}/{self.artifact}"


def find(
    paths: Sequence[str | Path], peer_ms: float = 975.0, compiled: bool = False
) -> list[Subject]:
    """What is to be timed, each once: artifacts, and before them the models that they are of.

    Args:
        paths: export folders, artifacts within them, peers.
        peer_ms: how much sound a peer takes whose input has a free length.
        compiled: the models by `torch.compile` too.

    Raises `UserError`: nothing to time, no or another manifest, no artifact, a missing extra.
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
    """A file that no manifest beside it can tell of."""
    return path.suffix in SUFFIXES and not (path.parent / manifest.MANIFEST).is_file()


def _folder(path: Path) -> Path:
    return (path if path.is_dir() else path.parent).resolve()


def _run(folder: Path) -> Path:
    """The folder whose name says most."""
    return folder.parent if folder.name == "export" else folder


def _exported(path: Path, model: str, compiled: bool) -> Iterator[Subject]:
    folder = path if path.is_dir() else path.parent
    content = manifest.read(folder)
    entries = [a for a in content["artifacts"] if path.is_dir() or a["file"] == path.name]
    if not entries:
        raise UserError(f"{path}: not in {folder / manifest.MANIFEST}; give one of its artifacts")
    by_input = {entry["input"]["kind"]: entry for entry in entries}
    networks = {kind: eager.network(content, entry) for kind, entry in by_input.items()}
    counts = {kind: eager.count(networks[kind], _shapes(e)) for kind, e in by_input.items()}
    for name in ("eager", "torch.compile") if compiled else ("eager",):
        for kind, entry in by_input.items():
            network = eager.compiled(networks[kind]) if name != "eager" else networks[kind]
            yield _subject(content, entry, model, f"{name} {kind}", counts[kind], network=network)
    for entry in entries:
        path = (folder / entry["file"]).resolve()
        yield _subject(
            content, entry, model, entry["file"], counts[entry["input"]["kind"]], path=path
        )


def _subject(
    content: Any,
    entry: Any,
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
        precision=entry["precision"] if path else "fp32",
        input=entry["input"]["kind"],
        shapes=_shapes(entry),
        window_ms=packet_ms or content["window_ms"],
        multiply_adds=multiply_adds,
        path=path,
        sizes_vary=bool(entry["input"].get("sizes")),
        network=network,
    )


def _shapes(entry: Any) -> tuple[tuple[int, ...], ...]:
    inputs = [entry["input"], *(entry[STREAM]["state"] if STREAM in entry else [])]
    return tuple((1, *given["shape"][1:]) for given in inputs)


def _peer(path: Path, peer_ms: float) -> Subject:
    found = peers.read(path, peer_ms)
    return Subject(
        model=PEER,
        artifact=path.name,
        precision=None,
        input=found.input,
        shapes=(found.shape,),
        window_ms=found.window_ms,
        multiply_adds=found.multiply_adds,
        path=path.resolve(),
    )
