"""bench: time artifacts on this machine and on phones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.bench.settings import ADB, HOST, BenchTarget, PhoneSettings
from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.console import PlainConsole
from tiny_audio_ssl.utils.ranges import NOT_NEGATIVE, checked_number

if TYPE_CHECKING:
    from tiny_audio_ssl.bench.compare import Comparison
    from tiny_audio_ssl.bench.rows import Row


@dataclass
class Bench(Command):
    """Time exported artifacts on this machine and on phones, beside eager PyTorch and peers.

    All artifacts take turns, so that other load on the machine affects all alike. Trust the ratios
    more than the times; both have 95 % intervals. See docs/latency.md, and docs/phone.md for
    phones.
    """

    paths: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PATHS...")]
    """Export folders (RUN/export), artifacts within them, .onnx and .pte files of other projects,
    or model names, which are exported first; also .json files that a web page saved (docs/web.md),
    whose times are shown with the others."""
    target: tuple[BenchTarget, ...] = (HOST,)
    """Where to time. host: from Python. host-native: with the C++ runner. adb: on all attached
    phones."""
    serial: str | None = None
    """Serial number of the only phone to use. Default: all attached phones."""
    threads: int = 1
    """Threads of every runtime."""
    cpus: tuple[int, ...] = ()
    """Cores to pin the C++ runner to. Default: the system's choice."""
    runs: int = 200
    """Timed runs of each artifact (on phones: in each round)."""
    rounds: int = 10
    """Rounds over which the runs on this machine are spread; the C++ runner starts anew in each."""
    warm_up: int = 20
    """Untimed runs before the timed ones."""
    compile: bool = False
    """Also time each model with torch.compile; compiling takes about a minute per model."""
    peer_ms: float = WINDOW_MS
    """Milliseconds of sound for a peer whose input has a dynamic length."""
    baseline: str | None = None
    """Artifact to compare the others with. Default: eager PyTorch with the same input, or the first
    artifact where eager PyTorch is not timed."""
    max_rounds: int = 8
    """Maximum number of rounds on a phone. Fewer are run if the medians of the last three agree."""
    cool_down_s: float = 10.0
    """Pause before each round on a phone."""
    energy_s: int = 0
    """Seconds to watch a phone's battery, first idle and then busy, to estimate energy: 120 or
    more. 0: no estimate."""
    csv: Path | None = None
    """CSV file to write, with one row per artifact and device."""
    chart: Path | None = None
    """Chart of p50 and p90 to draw, .png or .svg."""
    compare: Path | None = None
    """CSV or JSON file of an earlier day. The exit code is 1 if an artifact has become slower
    beyond noise."""
    tolerance: float = 0.05
    """Slowdown that still counts as noise between days, in addition to the intervals."""
    keep_samples: bool = False
    """Store the time of every run in the CSV and the JSON."""
    json: bool = False
    """Print JSON instead of the table."""

    def run(self) -> int:
        # Here, since they import NumPy and PyTorch, which `--help` must not wait for.
        from tiny_audio_ssl.bench.compare import compare
        from tiny_audio_ssl.bench.rows import write_csv

        self._check()
        before = self._read_before()
        rows = self._saved()
        if self._timed_here() or not self.paths:
            rows += self._bench()
        found = compare(before, rows, self.tolerance) if before else None
        if self.csv:
            write_csv(self.csv, rows)
        if self.chart:
            from tiny_audio_ssl.bench.chart import draw_chart

            draw_chart(self.chart, rows)
        self._show(rows, found)
        return 1 if found and found.slower else 0

    def _check(self) -> None:
        """Refuse what can be refused before minutes of timing."""
        inputs = [*self.paths, *((self.compare,) if self.compare else ())]
        if self.csv:
            from tiny_audio_ssl.bench.rows import check_csv

            check_csv(self.csv, inputs)
        if self.chart:
            from tiny_audio_ssl.bench.chart import check_chart

            check_chart(self.chart, inputs)
        checked_number("--tolerance", self.tolerance, NOT_NEGATIVE)
        if self.cpus and set(self.target) == {HOST}:
            raise UserError(
                "--cpus: only the C++ runner can be pinned to cores; add --target host-native or "
                "adb"
            )
        if ADB not in self.target and (self.serial or self.energy_s):
            name = "--serial" if self.serial else "--energy-s"
            raise UserError(f"{name}: applies to phones only; add --target adb")

    def _read_before(self) -> list[dict[str, str]]:
        """Read the lines to compare with, which must be of this machine."""
        if self.compare is None:
            return []
        from tiny_audio_ssl.bench.compare import check_device, read_csv
        from tiny_audio_ssl.bench.machine import device_name

        lines = read_csv(self.compare)
        for target in self.target if self._timed_here() else ():
            if target != ADB:
                check_device(lines, target, device_name())
        return lines

    def _timed_here(self) -> list[str]:
        return [path for path in self.paths if not path.endswith(".json")]

    def _saved(self) -> list[Row]:
        """Read what browsers have measured."""
        from tiny_audio_ssl.bench.saved_json import read_json

        saved = [path for path in self.paths if path.endswith(".json")]
        return [row for path in saved for row in read_json(Path(path))]

    def _bench(self) -> list[Row]:
        from tiny_audio_ssl.bench.run import bench

        phones = PhoneSettings(
            max_rounds=self.max_rounds, cool_down_s=self.cool_down_s, energy_s=self.energy_s
        )
        with err.status("timing") as status:
            return bench(
                self._timed_here(),
                targets=self.target,
                threads=self.threads,
                runs=self.runs,
                rounds=self.rounds,
                warm_up=self.warm_up,
                cpus=self.cpus,
                baseline=self.baseline,
                compiled=self.compile,
                peer_ms=self.peer_ms,
                serial=self.serial,
                phone_settings=phones,
                keep_samples=self.keep_samples,
                progress=lambda message: status.update(f"timing: {message}"),
            )

    def _show(self, rows: Sequence[Row], found: Comparison | None) -> None:
        from tiny_audio_ssl.bench.tables import NARROWEST, WIDTH, change_table, tables

        if self.json:
            print(json.dumps(_with_changes(rows, found), default=str))
            return
        wide = PlainConsole(width=max(out.width, WIDTH))
        narrow = out.is_terminal and out.width < NARROWEST
        for table in tables(rows, narrow):
            wide.print(table)
        if found:
            wide.print(change_table(found, self.tolerance))
            for name in found.gone:
                err.print(f"not timed now: {name}")
            for row in found.new:
                err.print(f"not timed before: {row.model}/{row.artifact}")


def _with_changes(rows: Sequence[Row], found: Comparison | None) -> list[dict[str, Any]]:
    """Return the rows for JSON, each with its change if there is a comparison."""
    from tiny_audio_ssl.bench.rows import as_dict

    if found is None:
        return [as_dict(row) for row in rows]
    changes = {id(change.row): change.as_dict() for change in found.changes}
    return [as_dict(row) | {"change": changes.get(id(row))} for row in rows]
