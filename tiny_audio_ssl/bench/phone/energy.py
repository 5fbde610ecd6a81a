"""What listening for an hour takes from a phone's battery, estimated from its own counters."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tiny_audio_ssl.bench.phone.device import Battery

STEPS = 3  # the least changes of the charge counter to go by


@dataclass(frozen=True)
class Energy:
    """An estimate: other apps, the radio and the gauge's error are in it, the microphone is not."""

    mwh_per_hour_listening: float  # busy less idle power, for the part of the hour that is computed
    idle_mw: float  # of the whole phone, screen included
    busy_mw: float  # the same while it computes without pause
    source: str  # "current" or "charge counter"
    seconds: float  # watched, each of idle and busy


class NoEstimate(Exception):
    """Why the battery's counters do not tell."""


@dataclass(frozen=True)
class Reading:
    """The battery at one time of the phone's clock."""

    at_s: float
    battery: Battery


def estimate(idle: Sequence[Reading], busy: Sequence[Reading], real_time_factor: float) -> Energy:
    """From readings while the phone idled and while it computed without pause.

    Raises `NoEstimate`.
    """
    if any(reading.battery.charging or reading.battery.plugged for reading in (*idle, *busy)):
        raise NoEstimate("a cable feeds the phone; connect by Wi-Fi (adb tcpip 5555) and unplug it")
    source = "charge counter"
    if all(reading.battery.current_ua for reading in (*idle, *busy)):
        source = "current"
    idle_mw, busy_mw = (_power_mw(readings, source) for readings in (idle, busy))
    if busy_mw <= idle_mw:
        raise NoEstimate(
            f"no more power busy ({busy_mw:.0f} mW) than idle ({idle_mw:.0f} mW): "
            "something else runs on the phone, or it was watched too briefly"
        )
    return Energy(
        mwh_per_hour_listening=(busy_mw - idle_mw) * real_time_factor,
        idle_mw=idle_mw,
        busy_mw=busy_mw,
        source=source,
        seconds=min(_seconds(idle), _seconds(busy)),
    )


def _power_mw(readings: Sequence[Reading], source: str) -> float:
    volts = [r.battery.voltage_mv / 1000 for r in readings if r.battery.voltage_mv]
    if not volts:
        raise NoEstimate("the phone tells no voltage")
    if source == "current":
        amperes = [abs(r.battery.current_ua or 0.0) / 1e6 for r in readings]
        return 1000 * statistics.mean(amperes) * statistics.mean(volts)
    counts = [r.battery.charge_uah for r in readings if r.battery.charge_uah]
    steps = sum(after < before for before, after in itertools.pairwise(counts))
    if steps < STEPS:
        raise NoEstimate(
            f"the charge counter fell {steps} times in {_seconds(readings):.0f} s, "
            f"at least {STEPS} are needed; watch for longer"
        )
    ampere_hours = (counts[0] - counts[-1]) / 1e6
    return 1000 * ampere_hours * statistics.mean(volts) / (_seconds(readings) / 3600)


def _seconds(readings: Sequence[Reading]) -> float:
    return readings[-1].at_s - readings[0].at_s
