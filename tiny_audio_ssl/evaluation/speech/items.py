"""Phones and where they are spoken, as the .item files of the ZeroSpeech challenges list them.

    #file onset offset #phone prev-phone next-phone speaker
    6295-244435-0009 0.2925 0.4725 IH L NG 6295

Times are in seconds. A file is named without its ending.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path, PurePosixPath

from tiny_audio_ssl.data.corpus import Clip, open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import atomic_file

COLUMNS = ("#file", "onset", "offset", "#phone", "prev-phone", "next-phone", "speaker")
SHOWN = 5  # missing files that an error names


@dataclass(frozen=True)
class Item:
    """A phone of a recording, between two others."""

    file: str
    onset_s: float
    offset_s: float
    phone: str
    before: str
    after: str
    speaker: str


def read_items(path: str | Path) -> list[Item]:
    """Read an .item file. Columns may be in any order, and there may be others.

    Raises `UserError`: the file can't be read, lacks a column, or has a line that is not a phone.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read ({error}); give an .item file") from error
    header = lines[0].split() if lines else []
    if missing := [name for name in COLUMNS if name not in header]:
        raise UserError(
            f"{path}: no column {', '.join(missing)} in its first line; expected an .item file of "
            f"the ZeroSpeech challenges, which begins with {' '.join(COLUMNS)}"
        )
    numbered = [(number, line.split()) for number, line in enumerate(lines[1:], 2) if line.strip()]
    items = [_item(f"{path}, line {number}", header, cells) for number, cells in numbered]
    if not items:
        raise UserError(f"{path}: has no phones below its first line")
    return items


def _item(where: str, header: Sequence[str], cells: Sequence[str]) -> Item:
    if len(cells) != len(header):
        raise UserError(
            f"{where}: {len(cells)} values for {len(header)} columns; values are separated by "
            "spaces, so none of them may contain a space"
        )
    found = dict(zip(header, cells, strict=True))
    try:
        onset, offset = float(found["onset"]), float(found["offset"])
    except ValueError:
        onset = offset = math.nan
    if not 0 <= onset < offset < math.inf:
        raise UserError(
            f"{where}: from {found['onset']} to {found['offset']}; expected seconds, the onset "
            "before the offset"
        )
    names = (found[name] for name in COLUMNS[3:])
    return Item(found["#file"], onset, offset, *names)


def write_items(target: Path, items: Iterable[Item]) -> None:
    """Write an .item file. Raises `UserError` if it can't be written."""
    with atomic_file(target) as work, work.open("w", encoding="utf-8") as file:
        file.write(" ".join(COLUMNS) + "\n")
        for item in items:
            name, onset, offset, *labels = astuple(item)
            file.write(f"{name} {onset:.4f} {offset:.4f} {' '.join(labels)}\n")


def audio_clips(items: Sequence[Item], root: str | Path) -> list[Clip]:
    """Return the recording of each file that the items name, in the order of their first mention.

    A file is named by its path below `root` or by its last part alone, both without their ending.

    Raises `UserError`: a file is missing, or its last part is ambiguous.
    """
    listed = open_corpus(root).clips
    whole = {PurePosixPath(clip.name).with_suffix("").as_posix(): clip for clip in listed}
    last: dict[str, list[Clip]] = {}
    for name, clip in whole.items():
        last.setdefault(PurePosixPath(name).name, []).append(clip)
    wanted = dict.fromkeys(item.file for item in items)
    if missing := [file for file in wanted if file not in whole and file not in last]:
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise UserError(
            f"{root}: no recording of {', '.join(missing[:SHOWN])}{more}; --audio names the folder "
            "that holds the files of the .item file"
        )
    for file in wanted:
        if file not in whole and len(last[file]) > 1:
            names = " and ".join(clip.name for clip in last[file][:2])
            raise UserError(f"{root}: {file!r} may be {names}; name its folder in the .item file")
    return [whole[file] if file in whole else last[file][0] for file in wanted]
