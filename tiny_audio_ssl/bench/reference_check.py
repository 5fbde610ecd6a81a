"""Check whether artifacts reproduce their reference embeddings on this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tiny_audio_ssl.bench.subjects import PEER, Subject
from tiny_audio_ssl.export import manifest, reference


def differences_here(subjects: Sequence[Subject]) -> Iterator[str]:
    """Yield a line for each exported artifact that gives other outputs on this machine.

    Peers, and exports that an old version made without a reference, are left out.
    """
    paths = [subject.path for subject in subjects if subject.path and subject.model != PEER]
    for folder, own in groupby(paths, key=lambda path: path.parent):
        if (folder / reference.REFERENCE).is_file():
            yield from _differences(folder, own)


def _differences(folder: Path, artifacts: Iterable[Path]) -> Iterator[str]:
    content = manifest.read(folder)
    entries = {entry["file"]: entry for entry in content["artifacts"]}
    recorded = reference.read(folder / reference.REFERENCE)
    for path in artifacts:
        if (expected := recorded.get(path.name)) is None:
            continue
        found = reference.run_on_references(path, entries[path.name])
        if wrong := reference.differences(found, expected, manifest.learned_dim(content)):
            yield (
                f"{path}: {'; '.join(wrong)}; this processor or runtime computes "
                "differently, so compare its accuracy before its times"
            )
