"""Whether artifacts give the embeddings here that the reference beside them records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tiny_audio_ssl.bench.subjects import PEER, Subject
from tiny_audio_ssl.export import manifest, reference


def differences_here(subjects: Sequence[Subject]) -> Iterator[str]:
    """Yield a line for each exported artifact that gives other outputs on this machine.

    Peers, and exports that an old version made without a reference, are left out.
    """
    for subject in subjects:
        if subject.path is None or subject.model == PEER:
            continue
        folder = subject.path.parent
        file = folder / reference.REFERENCE
        if not file.is_file():
            continue
        content = manifest.read(folder)
        entries = {entry["file"]: entry for entry in content["artifacts"]}
        expected = reference.read(file).get(subject.path.name)
        if expected is None:
            continue
        found = reference.run_on_references(subject.path, entries[subject.path.name])
        if wrong := reference.differences(found, expected, manifest.learned_dim(content)):
            yield (
                f"{subject.path}: {'; '.join(wrong)}; this processor or runtime computes "
                "differently, so compare its accuracy before its times"
            )
