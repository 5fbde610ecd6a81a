"""Choose the measurement that each one is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from tiny_audio_ssl.bench.measurement import Measurement
from tiny_audio_ssl.bench.subjects import PEER, Subject
from tiny_audio_ssl.errors import UserError


def check_baseline(name: str | None, subjects: Sequence[Subject]) -> None:
    """Raise `UserError` if none of the subjects has that name."""
    if name is not None and not any(_has_name(subject, name) for subject in subjects):
        known = ", ".join(dict.fromkeys(subject.artifact for subject in subjects))
        raise UserError(f"--baseline {name!r} is not timed; expected one of {known}")


def baseline_of(
    measured: Measurement, measurements: Sequence[Measurement], name: str | None
) -> Measurement | None:
    """Return the measurement on the same device to compare with, perhaps itself; None if none.

    Args:
        measurements: all of one benchmark.
        name: an artifact (or model/artifact); of several, the one most like `measured` is taken.
            None: eager PyTorch if it does the same work, else the first measurement that does,
            timed in the same way.
    """
    there = [other for other in measurements if _device(other) == _device(measured)]
    if name is not None:
        named = [other for other in there if _has_name(other.job.subject, name)]
        return max(named, key=lambda other: _likeness(measured, other), default=None)
    if measured.job.subject.model == PEER:  # no other subject does its work
        return None
    same = [other for other in there if _work(other) == _work(measured)]
    eager = (other for other in same if other.job.subject.path is None)
    alike = (other for other in same if _way(other) == _way(measured))
    return next(eager, next(alike))


def _has_name(subject: Subject, name: str) -> bool:
    return name in (subject.artifact, subject.name)


def _likeness(one: Measurement, other: Measurement) -> tuple[bool, bool, bool]:
    """Rank `other`; `max` takes the first of the highest."""
    return (
        one.job.subject.model == other.job.subject.model,
        one.job.subject.input == other.job.subject.input,
        _way(one) == _way(other),
    )


def _device(measured: Measurement) -> tuple[str, str | None]:
    run = measured.phone_run
    return measured.device.name, run.phone.serial if run else None


def _work(measured: Measurement) -> tuple[str, str]:
    return measured.job.subject.model, measured.job.subject.input


def _way(measured: Measurement) -> tuple[str, str | None]:
    return measured.job.target, measured.phone_run.program if measured.phone_run else None
