"""bench: how fast are artifacts, on this machine and on phones?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from tiny_audio_ssl.bench import chart, compare
from tiny_audio_ssl.bench.bench import Request, bench
from tiny_audio_ssl.bench.compare import Comparison
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.phone.on_phone import Plan
from tiny_audio_ssl.bench.rows import Row, as_dict, write_csv
from tiny_audio_ssl.bench.tables import WIDTH, change_table, tables
from tiny_audio_ssl.bench.timing import ADB, HOST, Settings, Target
from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.errors import UserError


@dataclass
class Bench(Command):
    """Time exported artifacts on this machine and on phones, beside eager PyTorch and peers.

    All forms take turns, so that a busy moment hits all alike: trust the ratios. They come with
    95 % intervals. See docs/latency.md, and docs/phone.md for phones.
    """

    paths: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATHS...")]
    """Export folders (RUN/export), artifacts within them, or any .onnx and .pte of others."""
    target: tuple[Target, ...] = ("host",)
    """host: from Python. host-native: by the C++ runner. adb: on all attached phones."""
    serial: str | None = None
    """Of the one phone to use."""
    threads: int = 1
    """Threads of every runtime."""
    cpus: tuple[int, ...] = ()
    """Cores that the C++ runner stays on; left out: wherever the system puts it."""
    runs: int = 200
    """Timed runs of each form (on phones: in each round)."""
    rounds: int = 10
    """Rounds that the runs on this machine are spread over; native ones are a process in each."""
    warm_up: int = 20
    """Runs before them that do not count."""
    compile: bool = False
    """Time torch.compile of each model too. It takes its minute to compile."""
    peer_ms: float = 975.0
    """How much sound a peer takes whose input has any length."""
    baseline: str | None = None
    """The artifact to compare all with; left out: eager PyTorch of the same input, or what comes
    first where that is not timed."""
    max_rounds: int = 8
    """Rounds on a phone, at most: it ends when the medians of the last three agree."""
    cool_down_s: float = 10.0
    """A phone's pause before each round."""
    energy_s: int = 0
    """Watch a phone's battery for so long, idle and busy, to estimate energy: 120 or more."""
    csv: Path | None = None
    """Write one row for each form and device there."""
    chart: Path | None = None
    """Draw p50 and p90 there, .png or .svg."""
    compare: Path | None = None
    """A CSV of before: ends with exit code 1 if a form has become slower beyond noise."""
    tolerance: float = 0.05
    """How much slower is still noise, beyond the intervals: what differs from day to day."""
    keep_samples: bool = False
    """Keep the time of every run, in the CSV and the JSON."""
    json: bool = False
    """Print JSON instead of the table."""

    def run(self) -> int:
        self._check()
        before = self._before()
        request = self._request()
        with err.status("timing") as status:
            rows = bench(request, say=lambda message: status.update(f"timing: {message}"))
        found = compare.compare(before, rows, self.tolerance) if before else None
        if self.csv:
            write_csv(self.csv, rows)
        if self.chart:
            chart.draw(self.chart, rows)
        self._show(rows, found)
        return 1 if found and found.slower else 0

    def _check(self) -> None:
        """All that can be refused is refused before minutes of timing."""
        if self.chart:
            chart.check(self.chart)
        if self.tolerance < 0:
            raise UserError(f"--tolerance {self.tolerance:g}: expected 0 or more, such as 0.05")
        if self.cpus and set(self.target) == {HOST}:
            raise UserError("--cpus: Python is not tied to cores; add --target host-native or adb")
        if ADB not in self.target and (self.serial or self.energy_s):
            name = "--serial" if self.serial else "--energy-s"
            raise UserError(f"{name}: only phones have it; add --target adb")

    def _before(self) -> list[dict[str, str]]:
        """What to compare with, which must be of this machine."""
        lines = compare.read(self.compare) if self.compare else []
        for target in self.target if lines else ():
            if target != ADB:
                compare.check_device(lines, target, device_name())
        return lines

    def _request(self) -> Request:
        return Request(
            paths=self.paths,
            targets=self.target,
            settings=Settings(self.threads, self.runs, self.rounds, self.warm_up, self.cpus),
            compiled=self.compile,
            peer_ms=self.peer_ms,
            serial=self.serial,
            plan=Plan(
                max_rounds=self.max_rounds, cool_down_s=self.cool_down_s, energy_s=self.energy_s
            ),
            baseline=self.baseline,
            keep_samples=self.keep_samples,
        )

    def _show(self, rows: Sequence[Row], found: Comparison | None) -> None:
        if self.json:
            print(json.dumps(_with_changes(rows, found), default=str))
            return
        wide = Console(width=max(out.width, WIDTH), highlight=False)
        for table in tables(rows):
            wide.print(table)
        if found:
            wide.print(change_table(found, self.tolerance))
            for name in found.gone:
                err.print(f"not timed now: {name}", markup=False)
            for row in found.new:
                err.print(f"not timed then: {row.model}/{row.artifact}", markup=False)


def _with_changes(rows: Sequence[Row], found: Comparison | None) -> list[dict[str, Any]]:
    """The rows, each with how it has changed if that is known."""
    if found is None:
        return [as_dict(row) for row in rows]
    changes = {id(change.row): change.as_dict() for change in found.changes}
    return [as_dict(row) | {"change": changes.get(id(row))} for row in rows]
