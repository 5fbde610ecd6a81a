"""What each timing is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from tiny_audio_ssl.bench.subjects import PEER, Subject
from tiny_audio_ssl.bench.timing import Timing
from tiny_audio_ssl.errors import UserError


def check(name: str | None, subjects: Sequence[Subject]) -> None:
    """Raises `UserError` when nothing of that name is to be timed."""
    if name is not None and not any(_is_named(subject, name) for subject in subjects):
        known = ", ".join(dict.fromkeys(subject.artifact for subject in subjects))
        raise UserError(f"--baseline {name!r} is not timed; expected one of {known}")


def baseline_of(timing: Timing, timings: Sequence[Timing], name: str | None) -> Timing | None:
    """The one to compare with, on the same device; itself perhaps, or None.

    Args:
        name: an artifact (or model/artifact); of several the one most like `timing` is taken.
            None: eager where it does the same work; else the first that does, timed the same way.
    """
    there = [other for other in timings if _place(other) == _place(timing)]
    if name is not None:
        named = [other for other in there if _is_named(other.subject, name)]
        return max(named, key=lambda other: _likeness(timing, other), default=None)
    if timing.subject.model == PEER:  # whose work is its own
        return None
    same = [other for other in there if _work(other) == _work(timing)]
    eager = (other for other in same if other.subject.path is None)
    alike = (other for other in same if _way(other) == _way(timing))
    return next(eager, next(alike))


def _is_named(subject: Subject, name: str) -> bool:
    return name in (subject.artifact, subject.name)


def _likeness(one: Timing, other: Timing) -> tuple[bool, bool, bool]:
    """`max` takes the first of those that are most alike."""
    return (
        one.subject.model == other.subject.model,
        one.subject.input == other.subject.input,
        _way(one) == _way(other),
    )


def _place(timing: Timing) -> tuple[str, str | None]:
    return timing.device, timing.phone.serial if timing.phone else None


def _work(timing: Timing) -> tuple[str, str]:
    return timing.subject.model, timing.subject.input


def _way(timing: Timing) -> tuple[str, str | None]:
    return timing.target, timing.phone.through if timing.phone else None
