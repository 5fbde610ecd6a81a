"""Find what has become slower since a CSV was written, beyond noise.

The medians of both days have intervals, which cover the noise within a day. Between days there is
more: another build or another program on the machine moves every time by a few percent. So an
artifact counts as slower if, for the ratio new / old of its medians,

- the 95 % interval, combined from both medians' intervals, lies above 1;
- the ratio exceeds 1 by more than a tolerance, for the noise between days;
- both still hold after dividing by the machine's drift, if the machine is slower today: the ratio
  of the times of the matrix product that both days timed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tiny_audio_ssl.bench.rows import Row, flat
from tiny_audio_ssl.bench.saved_json import SUFFIX, read_json
from tiny_audio_ssl.bench.saved_rows import read_saved
from tiny_audio_ssl.bench.statistics import Interval
from tiny_audio_ssl.errors import UserError

KEY_COLUMNS = ("target", "device", "model", "artifact", "input", "threads", "cpus", "phone_through")
TIMES = ("p50_ms", "p50_low_ms", "p50_high_ms")
REQUIRED = ("target", "device", "model", "artifact", "threads")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """The change of an artifact's median."""

    row: Row
    old_p50_ms: float
    old_version: str
    ratio: Interval  # new / old
    drift: float  # of the matrix product, new / old time; 1 if unknown
    slower: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the change for JSON, without the row."""
        return {name: value for name, value in asdict(self).items() if name != "row"}


@dataclass(frozen=True)
class Comparison:
    """Changes of everything timed on both days, and the names of the rest."""

    changes: list[Change]
    new: list[Row]  # not timed before
    gone: list[str]  # artifacts not timed now

    @property
    def slower(self) -> list[Change]:
        """Changes that count as slower."""
        return [change for change in self.changes if change.slower]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read the lines of a CSV of `bench --csv`, or of JSON that `read_json` reads.

    Raises `UserError` as `read_saved` and `read_json` do.
    """
    if path.suffix == SUFFIX:
        return [flat(row) for row in read_json(path)]
    again = f"expected a file written by `tiny-audio-ssl bench ... --csv {path.name}`"
    return read_saved(path, REQUIRED, TIMES, again)


def check_device(lines: Sequence[Mapping[str, str]], target: str, device: str) -> None:
    """Raise `UserError` if the lines have no time of this device: others can't be compared."""
    devices = sorted({line["device"] for line in lines if line["target"] == target})
    if device not in devices:
        raise UserError(
            f"--compare: target {target} is {device!r} now; the file has times of "
            f"{' and '.join(devices) or 'no such target'}; compare on the same device, or leave "
            "out --compare"
        )


def compare(
    lines: Sequence[Mapping[str, str]], rows: Sequence[Row], tolerance: float
) -> Comparison:
    """Compare rows with the lines of an earlier CSV.

    Args:
        lines: as `read_csv` returns them.
        tolerance: the fraction by which a median may grow without being slower.

    Raises `UserError`: a device that is not in the lines, or nothing in common.
    """
    for target, device in {(row.target, row.device): None for row in rows}:
        check_device(lines, target, device)
    old = {_key(line): line for line in lines}
    now = [(_key(flat(row)), row) for row in rows]
    changes = [_change(row, old[key], tolerance) for key, row in now if key in old]
    if not changes:
        raise UserError(
            "--compare: nothing in the file was timed with the same threads and cores; it has "
            + ", ".join(dict.fromkeys(f"{line['model']}/{line['artifact']}" for line in lines))
        )
    return Comparison(
        changes=changes,
        new=[row for key, row in now if key not in old],
        gone=[line["artifact"] for key, line in old.items() if key not in {k for k, _ in now}],
    )


def _change(row: Row, line: Mapping[str, str], tolerance: float) -> Change:
    old = Interval(*(float(line[name]) for name in TIMES))
    ratio = _ratio(Interval(row.p50_ms, row.p50_low_ms, row.p50_high_ms), old)
    drift = _drift(row.typical_gflops, line.get("typical_gflops"))
    slowdown = max(drift, 1.0)
    slower = ratio.low / slowdown > 1 and ratio.value / slowdown > 1 + tolerance
    return Change(row, old.value, line.get("version", ""), ratio, drift, slower)


def _ratio(new: Interval, old: Interval) -> Interval:
    """Return the ratio of medians of two days, whose errors are independent in logarithms."""
    value = new.value / old.value
    below = math.hypot(math.log(new.value / new.low), math.log(old.high / old.value))
    above = math.hypot(math.log(new.high / new.value), math.log(old.value / old.low))
    return Interval(value, value * math.exp(-below), value * math.exp(above))


def _drift(now_gflops: float | None, then_gflops: str | None) -> float:
    return float(then_gflops) / now_gflops if now_gflops and then_gflops else 1.0


def _key(line: Mapping[str, str]) -> Key:
    return tuple(line.get(name, "") for name in KEY_COLUMNS)
