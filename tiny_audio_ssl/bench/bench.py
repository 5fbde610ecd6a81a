"""One measurement: everything that was asked for, on this machine and on phones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tiny_audio_ssl.bench import baseline, subjects
from tiny_audio_ssl.bench.on_host import time_on_host
from tiny_audio_ssl.bench.phone import adb
from tiny_audio_ssl.bench.phone.on_phone import Plan
from tiny_audio_ssl.bench.phone.on_phones import time_on_phones
from tiny_audio_ssl.bench.rows import Row, rows_of
from tiny_audio_ssl.bench.timing import ADB, HOST, HOST_NATIVE, Settings, Target, Timing
from tiny_audio_ssl.errors import UserError


@dataclass(frozen=True)
class Request:
    """What to time, where, and what to compare it with."""

    paths: tuple[Path, ...]  # export folders, artifacts within them, peers
    targets: tuple[Target, ...] = (HOST,)
    settings: Settings = field(default_factory=Settings)
    compiled: bool = False  # torch.compile of the models too
    peer_ms: float = 975.0  # of sound, for peers that take any length
    serial: str | None = None  # of the one phone
    plan: Plan = field(default_factory=Plan)  # for phones
    baseline: str | None = None  # see `baseline.baseline_of`
    keep_samples: bool = False


def bench(request: Request, say: Callable[[str], None] = lambda message: None) -> list[Row]:
    """Time all and say what follows. Raises `UserError`."""
    found = subjects.find(request.paths, request.peer_ms, request.compiled)
    timed = [s for s in found if s.path or HOST in request.targets]
    if not timed:
        raise UserError(f"--target {' '.join(request.targets)} times artifacts only; give some")
    baseline.check(request.baseline, timed)
    for subject in timed if set(request.targets) != {HOST} else ():
        subject.check_native()
    if ADB in request.targets:
        adb.choose(request.serial, say)  # refused now, not after minutes on this machine
    timings: list[Timing] = []
    if {HOST, HOST_NATIVE} & set(request.targets):
        timings += time_on_host(
            timed,
            request.settings,
            in_process=HOST in request.targets,
            native=HOST_NATIVE in request.targets,
            say=say,
        )
    if ADB in request.targets:
        timings += time_on_phones(timed, request.settings, request.serial, request.plan, say)
    return rows_of(timings, request.baseline, request.keep_samples)
