"""What was measured of one subject on one device, before anything is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tiny_audio_ssl.bench.roofline import Products
from tiny_audio_ssl.bench.statistics import Rounds
from tiny_audio_ssl.bench.subjects import Subject
from tiny_audio_ssl.errors import UserError

Target = Literal["host", "host-native", "adb"]
HOST: Final = "host"  # from Python, in this process
HOST_NATIVE: Final = "host-native"  # by the C++ runner on this machine
ADB: Final = "adb"  # on phones


@dataclass(frozen=True)
class Settings:
    """How to time. The same for all that is compared."""

    threads: int = 1  # of every runtime
    runs: int = 200  # of each subject, rounded up to whole rounds
    rounds: int = 10  # within which all take turns
    warm_up: int = 20  # runs that do not count
    cpus: tuple[int, ...] = ()  # for native programs, to stay on; empty: the system's choice

    def __post_init__(self) -> None:
        if self.threads < 1 or self.runs < 1 or self.rounds < 1 or self.warm_up < 0:
            raise UserError(
                f"threads {self.threads}, runs {self.runs}, rounds {self.rounds}, warm_up "
                f"{self.warm_up}: expected at least 1, 1, 1 and 0"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rounds, and runs in each."""
        rounds = min(self.rounds, self.runs)
        return rounds, -(-self.runs // rounds)


@dataclass(frozen=True)
class OnThePhone:
    """What else is known of a time on a phone: whether to trust it, and what it took."""

    serial: str
    soc: str | None
    cores: int
    max_mhz: tuple[int, ...]  # of each core
    through: str  # "runner", or "app"
    steady: bool  # its rounds agreed in the end
    spread: float  # of the last rounds' medians: (highest - lowest) / median
    battery_before_percent: float | None
    battery_after_percent: float | None
    battery_before_c: float | None
    battery_after_c: float | None
    cpu_before_c: float | None
    cpu_after_c: float | None
    thermal_status_after: int | None  # of Android: 0 is none; from 1 it throttles
    plugged: bool | None
    screen_on: bool | None
    power_save: bool | None
    estimated_mwh_per_hour: float | None  # of listening
    energy_note: str | None  # why there is no estimate


@dataclass(frozen=True)
class Timing:
    """One subject on one device."""

    subject: Subject
    target: Target
    device: str  # CPU, or the phone's model
    system: str
    runtime: str
    version: str  # of the runtime
    threads: int
    cpus: tuple[int, ...]
    load_ms: float | None  # median; the runtime itself was loaded and used before
    first_run_ms: float
    rounds_ms: Rounds
    peak_rss_kb: int | None = None  # of a process that did nothing else
    products: Products | None = None  # float32 matrix products there, in the same run
    phone: OnThePhone | None = None
