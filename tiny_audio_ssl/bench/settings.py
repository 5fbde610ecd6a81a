"""Settings of a benchmark: where to time, how often, and how to treat phones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tiny_audio_ssl.utils.ranges import (
    COUNT,
    COUNT_OR_0,
    DURATION_OR_0_S,
    DURATION_S,
    NOT_NEGATIVE,
    Range,
    check_numbers,
    checked_number,
)

BenchTarget = Literal["host", "host-native", "adb"]
HOST: Final = "host"  # from Python, in this process
HOST_NATIVE: Final = "host-native"  # by the C++ runner on this machine
ADB: Final = "adb"  # on phones


@dataclass(frozen=True)
class TimingSettings:
    """How often each subject runs, the same for all that are compared."""

    threads: int = 1  # of every runtime
    runs: int = 200  # timed runs of each subject, rounded up to whole rounds
    rounds: int = 10  # within each, all subjects take turns
    warm_up: int = 20  # runs that do not count
    cpus: tuple[int, ...] = ()  # cores for the C++ runner; empty: the system chooses

    def __post_init__(self) -> None:
        check_numbers(
            self, threads=Range(1, 1024, whole=True), runs=COUNT, rounds=COUNT, warm_up=COUNT_OR_0
        )
        for cpu in self.cpus:
            checked_number("cpus", cpu, COUNT_OR_0)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rounds, and runs in each."""
        rounds = min(self.rounds, self.runs)
        return rounds, -(-self.runs // rounds)


@dataclass(frozen=True)
class PhoneSettings:
    """The number of rounds on a phone, and the maximum duration of each step."""

    agreeing_rounds: int = 3  # the last ones, whose medians must agree; only they count
    max_rounds: int = 8
    max_spread: float = 0.05  # (highest - lowest) / median of the medians that agree
    cool_down_s: float = 10.0  # pause before each round
    throttle_wait_s: float = 60.0  # longest extra pause while the phone reports throttling
    energy_s: int = 0  # time to watch the battery, idle and then busy; 0: no estimate
    run_timeout_s: float = 300.0  # for one round of one artifact
    reconnect_s: float = 30.0  # time to wait for a disconnected phone, to clean up on it

    def __post_init__(self) -> None:
        check_numbers(
            self,
            agreeing_rounds=COUNT,
            max_rounds=COUNT,
            max_spread=NOT_NEGATIVE,
            cool_down_s=DURATION_OR_0_S,
            throttle_wait_s=DURATION_OR_0_S,
            energy_s=COUNT_OR_0,
            run_timeout_s=DURATION_S,
            reconnect_s=DURATION_OR_0_S,
        )
