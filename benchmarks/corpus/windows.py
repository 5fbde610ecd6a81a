"""Draw the windows to pre-train on: rows of 0.975 s out of a corpus, by kind rather than by hours.

python benchmarks/corpus/windows.py OUT --tier permissive

Reads OUT/manifest.csv and writes OUT/windows.csv, for `tiny-audio-ssl pretrain OUT/windows.csv`.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import soundfile
import tyro

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ, SILENCE_PEAK, WINDOW_SAMPLES
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.files import read_rows, write_rows

HALF = WINDOW_SAMPLES // 2
QUIETEST = 0.005  # -46 dB: the level of a window, relative to the loudest window of its file
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shares:
    """The part of the windows that each kind of sound is given."""

    speech: float = 0.2
    words: float = 0.15
    sounds: float = 0.35
    music: float = 0.2
    notes: float = 0.1


KINDS = tuple(asdict(Shares()))


@dataclass(frozen=True)
class Draw:
    """Settings of windows.csv."""

    tier: Literal["permissive", "all"] = "all"
    """`permissive`: CC0, BSD, MIT, Apache, CC BY; `all`: free licenses with copyleft too."""
    windows: int = 120_000
    """Windows to draw; fewer are drawn if the corpus has fewer."""
    shares: Shares = field(default_factory=Shares)
    """Shares of the kinds. What a kind is too small to fill goes to the others."""
    repeats: int = 1
    """Times that a window may be listed where its kind has too few."""
    seed: int = 0
    """Seed of the draw: the same seed and corpus give the same windows."""


@dataclass(frozen=True)
class Candidate:
    """A file of the corpus with the windows that it offers."""

    row: Mapping[str, str]
    apart: Ints  # first samples of windows that do not overlap
    halves: Ints  # the same, of windows that may overlap by half


@dataclass(frozen=True)
class DrawWindows:
    """Options of the command."""

    out: Annotated[Path, tyro.conf.Positional]
    """Folder of the corpus."""
    draw: Annotated[Draw, tyro.conf.OmitArgPrefixes] = field(default_factory=Draw)


def main(options: DrawWindows) -> None:
    write_windows(options.out, options.draw)


def write_windows(out: Path, draw: Draw) -> None:
    """Draw windows from OUT/manifest.csv into OUT/windows.csv, and print how many of each kind."""
    manifest = out / "manifest.csv"
    if not manifest.is_file():
        raise UserError(f"{manifest}: not found; assemble the corpus first")
    rows = [row for row in read_rows(manifest) if draw.tier in ("all", row["tier"])]
    print(f"looking for windows in {len(rows)} files", flush=True)
    candidates = [candidate(out, row) for row in rows]
    drawn = draw_windows(candidates, draw)
    if not drawn:
        raise UserError(f"{manifest}: no windows to draw with this tier and these shares")
    write_rows(out / "windows.csv", drawn)
    for kind in KINDS:
        own = [(row["path"], row["start_s"]) for row in drawn if row["kind"] == kind]
        share = len(own) / max(1, len(drawn))
        print(f"{kind:8} {len(own):6} windows {share:5.1%}, {len(set(own))} different")
    print(f"{out / 'windows.csv'}: {len(drawn)} windows")


def candidate(out: Path, row: Mapping[str, str]) -> Candidate:
    """Find the windows of a file that are not nearly silent."""
    samples, rate_hz = soundfile.read(out / row["path"], dtype="float32")
    if rate_hz != SAMPLE_RATE_HZ:
        raise UserError(f"{row['path']}: {rate_hz} Hz, expected {SAMPLE_RATE_HZ} Hz")
    apart, halves = (_starts(len(samples), hop) for hop in (WINDOW_SAMPLES, HALF))
    return Candidate(row, _audible(samples, apart), _audible(samples, halves))


def _starts(samples: int, hop: int) -> Ints:
    """Return first samples of windows, at least `hop` apart, from a file's begin to its end."""
    room = samples - WINDOW_SAMPLES
    if room < 0:
        return np.zeros(0, np.int64)
    return np.linspace(0, room, 1 + room // hop).astype(np.int64)


def _audible(samples: npt.NDArray[np.float32], starts: Ints) -> Ints:
    if not len(starts):
        return starts
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[starts]
    levels = np.sqrt(np.mean(np.square(windows, dtype=np.float32), axis=1))
    peaks = np.abs(windows).max(axis=1)
    loud: Ints = starts[(levels >= QUIETEST * levels.max()) & (peaks >= SILENCE_PEAK)]
    return loud


def draw_windows(candidates: Iterable[Candidate], draw: Draw) -> list[dict[str, str]]:
    """Return the rows of windows.csv: without replacement, up to `repeats` times each.

    A kind gets its share; inside a kind, a source the square root of its number of windows; inside
    a source, all windows are as likely. Where a source has too few, its windows overlap by half.
    """
    sources: dict[str, dict[str, list[Candidate]]] = {kind: {} for kind in KINDS}
    for one in candidates:
        kind, source = one.row["kind"], one.row["source"]
        if kind not in sources:
            raise UserError(
                f"{one.row['path']}: kind {kind!r}, expected one of {', '.join(sources)}"
            )
        sources[kind].setdefault(source, []).append(one)
    rooms = {
        kind: {name: draw.repeats * sum(len(c.halves) for c in own) for name, own in named.items()}
        for kind, named in sources.items()
    }
    kinds = shared_out(
        draw.windows, asdict(draw.shares), {k: sum(r.values()) for k, r in rooms.items()}
    )
    drawn = []
    for kind, named in sources.items():
        weights = {name: sum(len(c.apart) for c in own) ** 0.5 for name, own in named.items()}
        counts = shared_out(kinds[kind], weights, rooms[kind])
        for name in sorted(named):
            drawn += _of_source(named[name], counts[name], _generator(draw.seed, kind, name))
    return drawn


def shared_out(
    total: int, weights: Mapping[str, float], rooms: Mapping[str, int]
) -> dict[str, int]:
    """Divide `total` in proportion to weights; what exceeds a room is divided among the others."""
    counts = dict.fromkeys(weights, 0)
    open_ = {name for name in weights if weights[name] > 0 and rooms[name] > 0}
    while open_ and (left := min(total, sum(rooms.values())) - sum(counts.values())) > 0:
        whole = sum(weights[name] for name in open_)
        wanted = {name: left * weights[name] / whole for name in sorted(open_)}
        full = {name for name in open_ if counts[name] + wanted[name] >= rooms[name]}
        if full:
            counts |= {name: rooms[name] for name in full}
            open_ -= full
            continue
        rounded = {name: counts[name] + int(wanted[name]) for name in wanted}
        rest = left - sum(int(share) for share in wanted.values())
        by_remainder = sorted(wanted, key=lambda name: (int(wanted[name]) - wanted[name], name))
        for name in by_remainder[:rest]:
            rounded[name] += 1
        return counts | rounded
    return counts


def _of_source(
    candidates: Sequence[Candidate], count: int, generator: np.random.Generator
) -> list[dict[str, str]]:
    apart = [(c, start) for c in candidates for start in c.apart.tolist()]
    halves = [(c, start) for c in candidates for start in c.halves.tolist()]
    offered = apart if count <= len(apart) else halves
    whole, rest = divmod(count, max(1, len(offered)))
    chosen = np.sort(generator.permutation(len(offered))[:rest]).tolist()
    places = [*range(len(offered))] * whole + chosen
    return [_row(*offered[place]) for place in places]


def _row(one: Candidate, start: int) -> dict[str, str]:
    times = {
        "start_s": f"{start / SAMPLE_RATE_HZ:.7f}",
        "end_s": f"{(start + WINDOW_SAMPLES) / SAMPLE_RATE_HZ:.7f}",
    }
    return {"path": one.row["path"], **times} | {
        name: one.row[name] for name in ("kind", "source", "tier", "license")
    }


def _generator(seed: int, kind: str, source: str) -> np.random.Generator:
    """Return a generator of the source's own: other sources do not change what is drawn from it."""
    digest = hashlib.sha256(f"{seed}\n{kind}\n{source}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


if __name__ == "__main__":
    try:
        main(tyro.cli(DrawWindows))
    except UserError as error:
        sys.exit(f"error: {error}")
