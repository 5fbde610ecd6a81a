"""Downstream tasks and published datasets: labeled recordings, and how they are split."""

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
from tiny_audio_ssl.utils.ranges import SEED, Range, check_numbers


@dataclass(frozen=True)
class EvaluationTask:
    """Labeled recordings, the column with the labels, and how to split them."""

    name: str
    """Name in tables and result files."""
    source: str
    """A CSV manifest or `builtin`; with `dataset`, the folder that holds that dataset."""
    dataset: str | None = None
    """Name in DATASETS of the published dataset whose layout `source` has. Columns left out below
    are then the dataset's own."""
    label: str = "label"
    """Column with the labels; recordings without a label are left out."""
    fold: str | None = None
    """Column with official folds; each fold is tested once."""
    split: str | None = None
    """Column with an official split: train, validation (optional) or test."""
    group: str | None = None
    """Column with groups (speakers, sources) that are never split between training and test."""
    where: tuple[str, ...] = ()
    """Conditions COLUMN=VALUE or COLUMN!=VALUE; only recordings that meet all of them are used."""
    folds: int = 5
    """Number of random folds if there are neither official folds nor an official split."""
    seed: int = 0
    """Random seed for the folds."""

    def __post_init__(self) -> None:
        check_numbers(self, folds=Range(2, 2**31 - 1, whole=True), seed=SEED)


@dataclass(frozen=True)
class Dataset:
    """A published dataset: its layout on disk, and the columns of its recordings."""

    name: str
    """Name in tasks and on the command line."""
    summary: str
    """Classification task in a few words."""
    classes: int
    """Number of classes; a folder with any other number is an error."""
    size: str
    """Size of the download: recordings or hours, and bytes."""
    license: str
    url: str
    """Page to download from."""
    layout: str
    """Expected files below DIR, the folder that the user gives, with notes."""
    clips: Callable[[Path], Iterable[Clip]]
    """Read the folder: clips with at least the columns below. Raises `LayoutError`."""
    label: str
    fold: str | None = None
    split: str | None = None
    group: str | None = None
    download: Callable[[Path], None] | None = None
    """Function that downloads into a folder with torchaudio, if torchaudio has the dataset. Raises
    `UserError`."""

    def corpus(self, root: str | Path) -> Corpus:
        """Return all recordings in `root`. None is skipped, because part of a benchmark is another
        benchmark.

        Raises:
            UserError: the folder is absent, incomplete or holds something else. The message says
                what to download and where to put it.
        """
        root = Path(root).expanduser()
        try:
            return Corpus(f"{self.name} in {root}", root, tuple(self._complete(root)))
        except LayoutError as error:
            raise UserError(f"{root}: {error}\n\n{self.guide(root)}") from error

    def _complete(self, root: Path) -> list[Clip]:
        if not root.is_dir():
            raise LayoutError("the folder does not exist")
        clips = [
            replace(clip, name=clip.path.relative_to(root).as_posix()) for clip in self.clips(root)
        ]
        if not clips:
            raise LayoutError("the folder has no recordings")
        if absent := [clip.name for clip in clips if not clip.path.is_file()]:
            raise LayoutError(
                f"{len(absent)} of the {len(clips)} recordings that it lists are missing: "
                f"{listed(absent)}"
            )
        found = set(column(clips, self.label))
        if len(found) != self.classes:
            raise LayoutError(
                f"{len(found)} classes in column {self.label!r} ({listed(sorted(found))}), "
                f"expected {self.classes}; part of the dataset is missing, or this is another one"
            )
        return clips

    def guide(self, root: str | Path = "DIR") -> str:
        """Explain what to download, and how to lay it out in `root`."""
        text = f"Download {self.name} ({self.size}) from {self.url}\nand lay it out as\n\n"
        text += self.layout.strip("\n").replace("DIR", str(root))
        if self.download:
            text += (
                "\n\nor let torchaudio download it, where torchaudio can be imported:\n"
                f"  tiny-audio-ssl datasets {self.name} --download {root}"
            )
        return text

    @property
    def splitting(self) -> str:
        """Description of the split into training and test."""
        if self.fold:
            return f"official folds by {self.fold}"
        return f"{'official split' if self.split else 'drawn folds'} by {self.group}"


def torchaudio_download(root: Path, name: str, folder: str, **options: str) -> None:
    """Download and unpack into `root`/`folder` with a class of torchaudio.datasets, all or nothing.

    Args:
        name: class in torchaudio.datasets.
        options: arguments of that class, such as `url`.

    Raises:
        UserError: torchaudio can't be imported, the target exists, or the download fails.
    """
    target = root / folder
    if target.exists():
        raise UserError(f"{target} already exists; remove it to download again")
    try:
        datasets = require("torchaudio.datasets", "torchaudio")
    except OSError as error:  # its shared libraries link against CUDA
        raise UserError(
            f"torchaudio can't be imported ({error}); it needs a CUDA build of the same version of "
            "PyTorch. Without one, download by hand: run the command without --download to see how"
        ) from error
    with explained(root):
        root.mkdir(parents=True, exist_ok=True)
        # torchaudio takes any existing folder for a complete one, so it downloads to another.
        with tempfile.TemporaryDirectory(prefix=".download.", dir=root) as work:
            try:
                getattr(datasets, name)(work, download=True, **options)
            except (OSError, RuntimeError) as error:  # no connection; wrong checksum
                raise UserError(f"torchaudio could not download {name}: {error}") from error
            target.parent.mkdir(parents=True, exist_ok=True)
            os.rename(Path(work, folder), target)
