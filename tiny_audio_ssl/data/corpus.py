"""The list of recordings: of a folder, a file, a CSV manifest, or the built-in sounds.

A corpus is only a list; nothing is decoded here. `cache.open_cache()` makes it readable. Importing
this module imports neither NumPy nor an audio library.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from tiny_audio_ssl.audio.signatures import EXTENSIONS, looks_like_sound
from tiny_audio_ssl.data.table import Requests, Row, TableError, read_table
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.cache_dir import default_cache_dir
from tiny_audio_ssl.utils.components import components, equal_items
from tiny_audio_ssl.utils.text import one_line

BUILTIN_PER_CLASS = 24
PATH_COLUMNS = ("path", "filename", "file")


class CorpusError(UserError):
    """A source that can't be used: the `reason` in a few words, and what to do instead."""

    def __init__(self, source: str | Path, reason: str, advice: str) -> None:
        super().__init__(f"{source}: {reason}; {advice}")
        self.reason = reason


@dataclass(frozen=True)
class Clip:
    """A recording, or the part of one from `start_s` to `end_s` (None: to its end)."""

    path: Path
    start_s: float = 0.0
    end_s: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)  # label, group, ... as in the manifest
    name: str = ""  # path relative to the corpus, with "/": the same wherever the corpus lies
    line: int = field(default=0, compare=False)  # of the manifest, from 1; 0: not from a manifest


@dataclass(frozen=True)
class Skipped:
    path: str
    reason: str


@dataclass(frozen=True)
class Corpus:
    """The recordings of a source: `clips`, and entries that were left out, with reasons."""

    source: str
    root: Path
    clips: tuple[Clip, ...]
    skipped: tuple[Skipped, ...] = ()

    def column(self, name: str) -> list[str]:
        """Return a manifest column, one text for each clip. Raises `UserError` if it is absent."""
        return column(self.clips, name)


def column(clips: Sequence[Clip], name: str) -> list[str]:
    """Return a manifest column, one text for each clip. Raises `UserError` if it is absent."""
    if all(name in clip.columns for clip in clips):
        return [clip.columns[name] for clip in clips]
    known = sorted(set().union(*(clip.columns for clip in clips)))
    listed = f"the columns are: {', '.join(known)}" if known else "only CSV manifests have columns"
    raise UserError(f"no column {name!r}; {listed}")


def open_corpus(source: str | Path, strict: bool = False) -> Corpus:
    """List the recordings of `source`.

    Args:
        source: a folder (searched through, sorted, without hidden files); an audio file; a `.csv`
            manifest with a column `path` (or `filename`, `file`) relative to its own folder,
            optionally `start_s` and `end_s` or `duration_s` in seconds (see `table.Requests` for
            other spellings), and any others, kept as text; or
            `builtin` or `builtin:N` for N synthesized sounds of each class.
        strict: raise at the first entry that can't be used, instead of listing it in `skipped`.

    Raises:
        UserError: the source does not exist, or nothing in it can be used.
    """
    return _checked(_found(source), strict)


def open_corpora(sources: Sequence[str | Path], strict: bool = False) -> Corpus:
    """List the recordings of several sources as one corpus; see `open_corpus`.

    A source that can't be used is listed in `skipped`. Names are relative to the folder that all
    sources share. A single source is the same as `open_corpus`.

    Raises:
        UserError: no source was given, or nothing in them can be used.
    """
    if len(sources) == 1:
        return open_corpus(sources[0], strict)
    if not sources:
        raise UserError("no recordings were given; give folders, audio files or .csv manifests")
    corpora: list[Corpus] = []
    skipped: list[Skipped] = []
    for source in sources:
        try:
            corpora.append(_found(source))
        except CorpusError as error:
            skipped.append(Skipped(str(source), error.reason))
    roots = [corpus.root.absolute() for corpus in corpora]
    shared = Path(os.path.commonpath(roots)) if roots else Path.cwd()
    clips: list[Clip] = []
    for corpus, root in zip(corpora, roots, strict=True):
        inside = root.relative_to(shared)
        clips += [replace(clip, name=(inside / clip.name).as_posix()) for clip in corpus.clips]
        skipped += [Skipped((inside / s.path).as_posix(), s.reason) for s in corpus.skipped]
    source = f"{sources[0]} and {len(sources) - 1} more"
    return _checked(Corpus(source, shared, tuple(clips), tuple(skipped)), strict)


def _found(source: str | Path) -> Corpus:
    path = Path(source).expanduser()
    if str(source).partition(":")[0] == "builtin":
        return _builtin(str(source))
    if not _is_text(str(path.absolute())):
        raise CorpusError(
            _as_text(str(path.absolute())), "its path is not UTF-8", "rename the folder or file"
        )
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() == ".csv" and path.is_file():
        return _manifest(path)
    reason = "not found"
    if path.is_file():
        is_sound, reason = looks_like_sound(path)
        if is_sound and not reason:
            return Corpus(str(path), path.parent, (Clip(path, name=path.name),))
        reason = reason or f"not a .csv, nor one of {_extensions()}"
    advice = "give a folder, an audio file, a .csv manifest, or the word builtin"
    raise CorpusError(source, reason, advice)


def _checked(corpus: Corpus, strict: bool) -> Corpus:
    if corpus.skipped and (strict or not corpus.clips):
        raise UserError(f"{corpus.source}: {listing(corpus.skipped)}")
    return corpus


def listing(skipped: Sequence[Skipped], most: int = 10) -> str:
    """Format entries that can't be used, for an error message."""
    lines = [f"  {one_line(entry.path)}: {one_line(entry.reason)}" for entry in skipped[:most]]
    if len(skipped) > most:
        lines.append(f"  and {len(skipped) - most} more")
    return "\n".join([f"{len(skipped)} entries can't be used", *lines])


def split(
    clips: Sequence[Clip],
    fraction: float,
    seed: int,
    group_column: str | None = None,
    sounds: Sequence[int] | None = None,
) -> tuple[list[int], list[int]]:
    """Return the indices of training and held-out clips; about `fraction` of groups are held out.

    A group is a file, or a value of `group_column` (a speaker, a session). A hash of seed and group
    decides the side of all its clips, so none changes sides when recordings are added. With two or
    more groups, each side has at least one, unless `fraction` is 0.

    Groups that share a number of `sounds`, as `copies.shared_sound` gives to copies of a recording,
    count as one group, whose side the shortest of their names decides.

    Raises:
        UserError: `fraction` is not within 0 <= fraction < 1, or the column is absent.
    """
    if not 0 <= fraction < 1:
        raise UserError(
            f"a held-out fraction of {fraction} was given; expected 0 up to 1, e.g. 0.1"
        )
    names = [clip.name or clip.path.as_posix() for clip in clips]
    groups = names
    if group_column is not None:
        # An empty cell does not say which files belong together: each is its own group.
        labels = column(clips, group_column)
        groups = [f"={label}" if label else name for label, name in zip(labels, names, strict=True)]
    if sounds is not None:
        groups = _joined(groups, sounds)
    place = {group: _place(seed, group) for group in set(groups)}
    ranked = sorted(place, key=lambda group: (place[group], group))
    held_out = {group for group in ranked if place[group] < fraction}
    if fraction and len(ranked) > 1:
        held_out = (held_out | {ranked[0]}) - {ranked[-1]}
    elif len(ranked) == 1:
        held_out = set()
    chosen = [group in held_out for group in groups]
    return (
        [index for index, is_held_out in enumerate(chosen) if not is_held_out],
        [index for index, is_held_out in enumerate(chosen) if is_held_out],
    )


def _joined(groups: Sequence[str], sounds: Sequence[int]) -> list[str]:
    """Give groups that share a sound one name: the shortest of theirs, or the first of these."""
    links = [*equal_items(groups), *equal_items(sounds)]
    joined = components(len(groups), links)
    names: dict[int, str] = {}
    for root, group in zip(joined, groups, strict=True):
        names[root] = min(names.get(root, group), group, key=lambda name: (len(name), name))
    return [names[root] for root in joined]


def _place(seed: int, group: str) -> float:
    digest = hashlib.sha256(f"{seed}\n{group}".encode(errors="surrogateescape")).digest()
    return float(int.from_bytes(digest[:8], "big") / 2**64)


# --- folders --------------------------------------------------------------------------------


def _folder(root: Path) -> Corpus:
    clips: list[Clip] = []
    skipped: list[Skipped] = []
    files = list(_walk(root, skipped))
    for path in files:
        is_sound, reason = looks_like_sound(path)
        if not is_sound:
            continue
        name = path.relative_to(root).as_posix()
        if not _is_text(name):
            skipped.append(Skipped(_as_text(name), "its name is not UTF-8"))
        elif not path.is_file():
            skipped.append(Skipped(name, "not a file"))
        elif reason:
            skipped.append(Skipped(name, reason))
        else:
            clips.append(Clip(path, name=name))
    if not clips and not skipped:
        raise CorpusError(root, "no audio", _others(files))
    return Corpus(str(root), root, tuple(clips), tuple(skipped))


def _walk(root: Path, skipped: list[Skipped]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        skipped.append(Skipped(_as_text(str(error.filename)), str(error.strerror).lower()))

    seen = set()
    for place, folders, files in os.walk(root, onerror=note, followlinks=True):
        try:
            status = os.stat(place)
        except OSError as error:  # it went meanwhile
            note(error)
            continue
        if (status.st_dev, status.st_ino) in seen:  # a link back to a folder that was searched
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(files) if not name.startswith("."))


def _others(files: Sequence[Path]) -> str:
    counts = Counter(path.suffix.lower() or "no extension" for path in files)
    common = ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(3))
    found = f"found {len(files)} other files ({common})" if files else "found no files at all"
    return f"looked for {_extensions()}; {found}. Convert them with: ffmpeg -i IN OUT.flac"


def _extensions() -> str:
    return " ".join(sorted(EXTENSIONS))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_text(name: str) -> str:
    """Return a name that is not UTF-8 with its other bytes as \\xNN."""
    return os.fsencode(name).decode(errors="backslashreplace")


# --- manifests ------------------------------------------------------------------------------


def _manifest(path: Path) -> Corpus:
    clips: list[Clip] = []
    skipped: list[Skipped] = []
    try:
        names, rows = read_table(path)
        path_column = _path_column(path, names)
        requests = Requests.of([name for name in names if name != path_column])
    except TableError as error:
        raise CorpusError(path, error.reason, error.advice) from error
    for row in rows:
        try:
            if row.problem:
                raise ValueError(row.problem)
            clips.append(_clip(path.parent, path_column, requests, row))
        except (ValueError, OSError) as error:
            reason = f"{error} (line {row.line})"
            skipped.append(Skipped(row.cells[path_column] or path.name, reason))
    if not clips and not skipped:
        raise CorpusError(path, "no rows below the header", "list a recording in each")
    return Corpus(str(path), path.parent, tuple(clips), tuple(skipped))


def _path_column(path: Path, names: list[str]) -> str:
    for wanted in PATH_COLUMNS:
        for name in sorted(names, key=wanted.__eq__, reverse=True):  # the exact spelling first
            if name.casefold() == wanted:
                return name
    found = ", ".join(names) or "nothing"
    raise CorpusError(
        path,
        f"the first line holds {found}",
        f"expected comma-separated column names with one of {', '.join(PATH_COLUMNS)}. "
        "For example:\npath,label\nday1/a.wav,dog",
    )


def _clip(folder: Path, path_column: str, requests: Requests, row: Row) -> Clip:
    name = row.cells[path_column].strip()
    if not name:
        raise ValueError("no path")
    path = folder / name
    if not path.is_file():
        raise ValueError("not a file" if path.exists() else "not found")
    start_s, end_s = requests.part(row.cells)
    if any(row.cells[name].strip() for name in (*requests.sample_rate, *requests.channel)):
        _check_format(path, requests, row)
    special = {path_column, *requests.times}
    columns = {key: value for key, value in row.cells.items() if key not in special}
    return Clip(path, start_s, end_s, columns, Path(name).as_posix(), row.line)


def _check_format(path: Path, requests: Requests, row: Row) -> None:
    from tiny_audio_ssl.audio import io  # imports NumPy and the audio libraries

    try:
        rate_hz, channels = io.format_of(path)
    except io.AudioError:
        return  # listed with its reason when it is decoded
    requests.check_format(row.cells, rate_hz, channels)


# --- built-in sounds ------------------------------------------------------------------------


def _builtin(source: str) -> Corpus:
    _, colon, count = source.partition(":")
    if colon and not (count.isdecimal() and int(count) > 0):
        raise CorpusError(
            source,
            "not a number of sounds",
            f"expected builtin or builtin:N, e.g. builtin:{BUILTIN_PER_CLASS}",
        )
    per_class = int(count) if colon else BUILTIN_PER_CLASS
    folder = default_cache_dir() / f"builtin-v1-{per_class}"
    from tiny_audio_ssl.audio import synthetic  # imports NumPy and the audio libraries

    corpus = _manifest(synthetic.write(folder, per_class))
    return Corpus(source, corpus.root, corpus.clips, corpus.skipped)
