"""A downstream task: labelled recordings, and how they are split into training and test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tiny_audio_ssl.data.corpus import Clip, Corpus, column
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets.layout import LayoutError, listed
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import explained


@dataclass(frozen=True)
class EvaluationTask:
    """One question asked of an embedding."""

    name: str
    """As it stands in tables."""
    source: str
    """A CSV manifest or `builtin`; with `dataset`, the folder where that dataset lies."""
    dataset: str | None = None
    """Read `source` in the official layout of this dataset, a name in DATASETS; the columns below
    then have the dataset's own names if left out."""
    label: str = "label"
    """Column with the labels; recordings without one are left out."""
    fold: str | None = None
    """Column with official folds: each is tested once."""
    split: str | None = None
    """Column with an official split: train, validation (may be absent) or test."""
    group: str | None = None
    """Column whose groups (speakers, sources) never stand on both sides of a split."""
    where: tuple[str, ...] = ()
    """Only recordings with COLUMN=VALUE, or without it by COLUMN!=VALUE; all conditions hold."""
    folds: int = 5
    """How many folds are drawn, if there are neither official folds nor an official split."""
    seed: int = 0
    """Of the drawn folds."""


@dataclass(frozen=True)
class Dataset:
    """A published dataset in its published layout, with the columns its recordings get."""

    name: str
    """How it is called in tasks and on the command line."""
    summary: str
    """What is told apart."""
    classes: int
    size: str
    """Of what is downloaded, in recordings or hours, and bytes."""
    licence: str
    url: str
    """The page to download from."""
    layout: str
    """A small tree under DIR, the folder that is given, and what to know about it."""
    clips: Callable[[Path], Iterable[Clip]]
    """Reads the folder: clips with at least the columns below. Raises `LayoutError`."""
    label: str
    fold: str | None = None
    split: str | None = None
    group: str | None = None
    download: Callable[[Path], None] | None = None
    """Puts it into a folder, if torchaudio can. Raises `UserError`."""

    def corpus(self, root: str | Path) -> Corpus:
        """What lies in `root`. Nothing is skipped: a part of a benchmark is another benchmark.

        Raises:
            UserError: absent, incomplete or of another kind; says what to download to where.
        """
        root = Path(root).expanduser()
        try:
            return Corpus(f"{self.name} in {root}", root, tuple(self._complete(root)))
        except LayoutError as error:
            raise UserError(f"{root}: {error}\n\n{self.guide(root)}") from error

    def _complete(self, root: Path) -> list[Clip]:
        if not root.is_dir():
            raise LayoutError("no such folder")
        clips = [
            replace(clip, name=clip.path.relative_to(root).as_posix()) for clip in self.clips(root)
        ]
        if not clips:
            raise LayoutError("no recordings in it")
        if absent := [clip.name for clip in clips if not clip.path.is_file()]:
            raise LayoutError(
                f"{len(absent)} of the {len(clips)} recordings that it lists are not there: "
                f"{listed(absent)}"
            )
        found = set(column(clips, self.label))
        if len(found) != self.classes:
            raise LayoutError(
                f"{len(found)} classes in column {self.label!r} ({listed(sorted(found))}), "
                f"expected {self.classes}; a part of it is not there, or something else is"
            )
        return clips

    def guide(self, root: str | Path = "DIR") -> str:
        """What to download, and where to put it."""
        text = f"{self.name} ({self.size}) is downloaded from {self.url}\nand laid out as\n\n"
        text += self.layout.strip("\n").replace("DIR", str(root))
        if self.download:
            text += (
                "\n\nor fetched by torchaudio, where it can be imported:\n"
                f"  tiny-audio-ssl datasets {self.name} --download {root}"
            )
        return text

    @property
    def protocol(self) -> str:
        """How it is parted, in words."""
        if self.fold:
            return f"folds by {self.fold}"
        return f"{'one split' if self.split else 'drawn folds'}, by {self.group}"


def torchaudio_download(root: Path, name: str, folder: str, **options: str) -> None:
    """Let a class of torchaudio.datasets download and unpack into `root`/`folder`, all or nothing.

    Raises:
        UserError: torchaudio can't be imported, there is something already, or no connection.
    """
    target = root / folder
    if target.exists():
        raise UserError(f"{target} is there already; remove it to download it again")
    try:
        datasets = require("torchaudio.datasets", "torchaudio")
    except OSError as error:  # its libraries link against CUDA's
        raise UserError(
            f"torchaudio can't be imported ({error}); it needs a CUDA build of PyTorch of the same "
            "version. Without one, download by hand; the same command without --download says how"
        ) from error
    with explained(root):
        root.mkdir(parents=True, exist_ok=True)
        # torchaudio takes a folder that is there for a whole one, so it works beside.
        with tempfile.TemporaryDirectory(prefix=".download.", dir=root) as work:
            try:
                getattr(datasets, name)(work, download=True, **options)
            except (OSError, RuntimeError) as error:  # no connection; another checksum
                raise UserError(f"torchaudio could not download {name}: {error}") from error
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(Path(work, folder), target)
