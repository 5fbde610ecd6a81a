"""What has become slower since a CSV was written, beyond noise.

The medians of both days have intervals, which say how much a day's own noise moves them. That is
not all noise: another day, another build or another neighbour on the machine moves every time by a
few percent. So a form is slower when its ratio new / old is

- above 1 for sure: the lower end of the ratio's 95 % interval, made of both medians' intervals;
- more than a tolerance above 1, for what no interval of one day can know;
- and so still when the machine's own drift is taken out, if it is slower today: the matrix product
  that both days timed says by how much.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tiny_audio_ssl.bench.rows import Row, flat
from tiny_audio_ssl.bench.statistics import Interval
from tiny_audio_ssl.errors import UserError

SAME = ("target", "device", "model", "artifact", "input", "threads", "cpus", "phone_through")
NEEDED = {"target", "device", "model", "artifact", "threads", "p50_ms", "p50_low_ms", "p50_high_ms"}
Key = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """How a form's median has changed."""

    row: Row
    old_p50_ms: float
    old_version: str
    ratio: Interval  # new / old
    drift: float  # how many times slower the machine's matrix product is; 1 if not known
    slower: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without the row."""
        return {name: value for name, value in asdict(self).items() if name != "row"}


@dataclass(frozen=True)
class Comparison:
    """All that both days timed, and what only one did."""

    changes: list[Change]
    new: list[Row]
    gone: list[str]

    @property
    def slower(self) -> list[Change]:
        return [change for change in self.changes if change.slower]


def read(path: Path) -> list[dict[str, str]]:
    """The lines of what `bench --csv` wrote. Raises `UserError`: not there, or something else."""
    try:
        with path.open(newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"--compare {path}: can't be read ({error})") from error
    if not lines or not set(lines[0]) >= NEEDED:
        raise UserError(
            f"--compare {path}: no times in it; expected what `tiny-audio-ssl bench ... --csv "
            f"{path.name}` of this version writes"
        )
    return lines


def check_device(lines: Sequence[Mapping[str, str]], target: str, device: str) -> None:
    """Raises `UserError` when the lines hold no time of this device: times of another say nothing
    about a change."""
    devices = sorted({line["device"] for line in lines if line["target"] == target})
    if device not in devices:
        raise UserError(
            f"--compare: target {target} is {device!r} now, and was {' or '.join(devices) or 'not'}"
            " timed then; compare on the same device, or leave --compare away"
        )


def compare(
    lines: Sequence[Mapping[str, str]], rows: Sequence[Row], tolerance: float
) -> Comparison:
    """Find what is slower by more than `tolerance`, a fraction.

    Raises `UserError`: a device that the lines don't hold, or nothing that both have.
    """
    for target, device in {(row.target, row.device): None for row in rows}:
        check_device(lines, target, device)
    old = {_key(line): line for line in lines}
    now = [(_key(flat(row)), row) for row in rows]
    changes = [_change(row, old[key], tolerance) for key, row in now if key in old]
    if not changes:
        raise UserError(
            "--compare: none of these was timed then with the same threads and cores; it has "
            + ", ".join(dict.fromkeys(f"{line['model']}/{line['artifact']}" for line in lines))
        )
    return Comparison(
        changes=changes,
        new=[row for key, row in now if key not in old],
        gone=[line["artifact"] for key, line in old.items() if key not in {k for k, _ in now}],
    )


def _change(row: Row, line: Mapping[str, str], tolerance: float) -> Change:
    old = Interval(*(float(line[name]) for name in ("p50_ms", "p50_low_ms", "p50_high_ms")))
    ratio = _ratio(Interval(row.p50_ms, row.p50_low_ms, row.p50_high_ms), old)
    drift = _drift(row.typical_gflops, line.get("typical_gflops"))
    slowdown = max(drift, 1.0)
    slower = ratio.low / slowdown > 1 and ratio.value / slowdown > 1 + tolerance
    return Change(row, old.value, line.get("version", ""), ratio, drift, slower)


def _ratio(new: Interval, old: Interval) -> Interval:
    """Of two medians of different days: their errors are independent, and alike in logarithms."""
    value = new.value / old.value
    below = math.hypot(math.log(new.value / new.low), math.log(old.high / old.value))
    above = math.hypot(math.log(new.high / new.value), math.log(old.value / old.low))
    return Interval(value, value * math.exp(-below), value * math.exp(above))


def _drift(now_gflops: float | None, then_gflops: str | None) -> float:
    return float(then_gflops) / now_gflops if now_gflops and then_gflops else 1.0


def _key(line: Mapping[str, str]) -> Key:
    return tuple(line.get(name, "") for name in SAME)
