"""verify: check that an export is unchanged, by hashes, schema and outputs for reference clips.

Artifacts run in a separate process, because a damaged file may crash its runtime.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest, reference
from tiny_audio_ssl.export.training import to_training, training_reference
from tiny_audio_ssl.utils.files import sha256


@dataclass(frozen=True)
class VerifyResult:
    """The artifacts that were checked, and the problems that were found."""

    folder: Path
    artifacts: tuple[str, ...]  # that were checked
    problems: tuple[str, ...]  # a line each

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(path: str | Path) -> VerifyResult:
    """Check an export folder, or one artifact in it.

    >>> import tiny_audio_ssl
    >>> tiny_audio_ssl.verify("runs/mine/export").problems
    ()

    The manifest is checked first, by its own hash and the schema, then each file by size and hash,
    then each artifact on the reference clips. Files that fail a check are not run.

    Raises `UserError`: nothing there, a missing extra.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: not found; give an export folder or an artifact in one")
    folder = path if path.is_dir() else path.parent
    try:
        content = manifest.trusted(folder)
    except manifest.ManifestError as error:
        return VerifyResult(folder, (), (str(error),))
    entries = [a for a in content["artifacts"] if path.is_dir() or a["file"] == path.name]
    if not entries:
        return VerifyResult(folder, (), (f"{path}: not an artifact in {manifest.MANIFEST}",))
    problems = _stored(folder, content, entries)
    sound = [entry for entry in entries if entry["file"] not in problems]
    if sound and reference.REFERENCE not in problems:
        expected = reference.read(folder / reference.REFERENCE)
        problems |= _run(folder, sound, expected, manifest.learned_dim(content))
    return VerifyResult(folder, tuple(entry["file"] for entry in entries), tuple(problems.values()))


def _stored(folder: Path, content: Any, entries: Sequence[Any]) -> dict[str, str]:
    """Check the files; return a line for each that is missing or altered, by name."""
    problems = {}
    background = [content["background"]] if "background" in content else []
    for entry in [*entries, *background]:
        try:
            manifest.check(folder / entry["file"], entry)
        except manifest.ManifestError as error:
            problems[entry["file"]] = str(error)
    file, wanted = folder / reference.REFERENCE, content["reference"]["sha256"]
    if not file.is_file() or sha256(file) != wanted:
        problems[file.name] = f"{file}: missing or altered; copy the folder again"
    return problems


def _run(
    folder: Path, entries: Sequence[Any], expected: Any, learned_dim: int | None
) -> dict[str, str]:
    """Run the artifacts; return a line for each that behaves differently, by name."""
    problems = {}
    waiting = list(entries)
    while waiting:
        with _own_process() as pool:
            while waiting:
                entry = waiting.pop(0)
                path, name = folder / entry["file"], entry["file"]
                try:
                    found = pool.submit(_runner(entry), path, entry).result()
                    wrong = reference.differences(found, expected[name], learned_dim)
                except UserError as error:
                    problems[name] = str(error)
                except BrokenProcessPool:
                    problems[name] = f"{path}: crashes its runtime; export it again"
                    break  # on with the rest in another process
                else:
                    if wrong:
                        problems[name] = f"{path}: {'; '.join(wrong)}"
    return problems


def _runner(entry: Any) -> reference.RunOnReferences:
    if entry["format"] == to_training.FORMAT:
        return training_reference.run_on_references
    return reference.run_on_references


@contextmanager
def _own_process() -> Iterator[Executor]:
    """Yield a process of its own, or this one where it may not start others, as in a pool.

    Raises `UserError` if the process does not start.
    """
    if multiprocessing.current_process().daemon:
        with ThreadPoolExecutor(1) as thread:
            yield thread
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            pool.submit(int).result()
        except BrokenProcessPool as error:
            raise UserError(
                "the process that runs the artifacts did not start. In a script, put the call "
                'under `if __name__ == "__main__":`'
            ) from error
        yield pool
