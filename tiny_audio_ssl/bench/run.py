"""Benchmark artifacts: find them, time them on every target, and derive rows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.bench.baseline import check_baseline
from tiny_audio_ssl.bench.discovery import find_subjects
from tiny_audio_ssl.bench.measurement import Measurement
from tiny_audio_ssl.bench.named_models import with_exports
from tiny_audio_ssl.bench.on_host import time_on_host
from tiny_audio_ssl.bench.on_phones import time_on_phones
from tiny_audio_ssl.bench.phone import adb
from tiny_audio_ssl.bench.reference_check import differences_here
from tiny_audio_ssl.bench.rows import Row, rows_of
from tiny_audio_ssl.bench.settings import (
    ADB,
    HOST,
    HOST_NATIVE,
    BenchTarget,
    PhoneSettings,
    TimingSettings,
)
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import DURATION_MS, checked_number

logger = logging.getLogger(__name__)


def bench(
    paths: str | Path | Sequence[str | Path],
    *,
    targets: Sequence[BenchTarget] = (HOST,),
    threads: int = 1,
    runs: int = 200,
    rounds: int = 10,
    warm_up: int = 20,
    cpus: Sequence[int] = (),
    baseline: str | None = None,
    compiled: bool = False,
    peer_ms: float = WINDOW_MS,
    serial: str | None = None,
    phone_settings: PhoneSettings | None = None,
    keep_samples: bool = False,
    progress: Callable[[str], None] = lambda message: None,
) -> list[Row]:
    """Time artifacts on this machine and on phones, beside the models they were exported from.

    Args:
        paths: export folders, artifacts within them, .onnx and .pte files of other projects, or
            names of models, which are exported first.
        targets: `host` times from Python, `host-native` with the C++ runner on this machine, `adb`
            on attached phones.
        threads: threads of every runtime; ExecuTorch's are set for the whole process.
        runs: timed runs of each artifact; on phones, in each round.
        rounds: rounds on this machine over which the runs are spread.
        warm_up: untimed runs before the timed ones.
        cpus: cores to pin the C++ runner to; empty: the system chooses.
        baseline: artifact (or model/artifact) for `Row.speedup`; None: eager PyTorch of the same
            input, or the first artifact of that input where eager PyTorch is not timed.
        compiled: also time each model with `torch.compile`, which takes about a minute per model.
        peer_ms: length of the sound for a file of another project whose input has a dynamic length.
        serial: serial number of the only phone to use; None: all attached phones.
        phone_settings: rounds and pauses on phones; None: `PhoneSettings()`.
        keep_samples: store the time of every run in `Row.samples_ms`.
        progress: called with a message for each step.

    Returns a row for each artifact, target and device. Logs a warning for each artifact whose
    embeddings on this machine differ from the reference beside it.

    Raises `UserError`: nothing to time, no manifest or one of another version, a missing extra,
    an unknown baseline, a phone that can't be used, a runner that can't be built.

    Examples:
        >>> import tiny_audio_ssl
        >>> rows = tiny_audio_ssl.bench("runs/mine/export", runs=10)
        >>> rows[0].artifact, rows[0].speedup
        ('eager waveform', 1.0)
        >>> all(0 < row.min_ms <= row.p50_ms <= row.p90_ms for row in rows)
        True
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    peer_ms = checked_number("peer_ms", peer_ms, DURATION_MS)
    settings = TimingSettings(threads, runs, rounds, warm_up, tuple(cpus))
    with with_exports(given, progress) as artifacts:
        found = find_subjects(artifacts, peer_ms, compiled)
        subjects = [subject for subject in found if subject.path or HOST in targets]
        if not subjects:
            raise UserError(
                f"--target {' '.join(targets)} times only artifacts; give some in PATHS"
            )
        check_baseline(baseline, subjects)
        if set(targets) != {HOST}:
            for subject in subjects:
                subject.check_native()
        if ADB in targets:
            adb.choose(serial, progress)  # refuse a missing phone before minutes on this machine
        for line in differences_here(subjects) if {HOST, HOST_NATIVE} & set(targets) else ():
            logger.warning(line)
        measurements: list[Measurement] = []
        if {HOST, HOST_NATIVE} & set(targets):
            here, native = HOST in targets, HOST_NATIVE in targets
            measurements += time_on_host(subjects, settings, here, native, progress)
        if ADB in targets:
            measurements += time_on_phones(subjects, settings, phone_settings, serial, progress)
        return rows_of(measurements, baseline, keep_samples)
