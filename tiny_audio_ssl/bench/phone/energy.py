"""Estimate the energy of an hour of listening from the counters of a phone's battery."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from tiny_audio_ssl.bench.phone.state import Battery

MIN_STEPS = 3  # changes of the charge counter that an estimate needs


@dataclass(frozen=True)
class EnergyEstimate:
    """Power of a phone, idle and busy: it includes other apps and the radio, not the microphone."""

    idle_mw: float  # of the whole phone, screen included
    busy_mw: float  # the same while it computes without pause
    source: str  # "current" or "charge counter"
    seconds: float  # that the battery was watched, each idle and busy

    def mwh_per_hour(self, real_time_factor: float) -> float:
        """Return the energy of an hour of listening, of which this factor is computing time."""
        return (self.busy_mw - self.idle_mw) * real_time_factor


class EnergyEstimateError(Exception):
    """The battery's counters allow no estimate; the message says why."""


@dataclass(frozen=True)
class BatteryReading:
    """The battery at one time of the phone's clock."""

    at_s: float
    battery: Battery


def estimate_energy(
    idle: Sequence[BatteryReading], busy: Sequence[BatteryReading]
) -> EnergyEstimate:
    """Estimate power from readings while the phone idled and while it computed without pause.

    Raises `EnergyEstimateError`.
    """
    if any(reading.battery.charging or reading.battery.plugged for reading in (*idle, *busy)):
        raise EnergyEstimateError(
            "a cable powers the phone; connect by Wi-Fi (adb tcpip 5555) and unplug it"
        )
    source = "charge counter"
    if all(reading.battery.current_ua for reading in (*idle, *busy)):
        source = "current"
    idle_mw, busy_mw = (_power_mw(readings, source) for readings in (idle, busy))
    if busy_mw <= idle_mw:
        raise EnergyEstimateError(
            f"power while busy ({busy_mw:.0f} mW) does not exceed idle ({idle_mw:.0f} mW): "
            "another program runs on the phone, or the battery was watched too briefly"
        )
    return EnergyEstimate(
        idle_mw=idle_mw,
        busy_mw=busy_mw,
        source=source,
        seconds=min(_seconds(idle), _seconds(busy)),
    )


def _power_mw(readings: Sequence[BatteryReading], source: str) -> float:
    volts = [r.battery.voltage_mv / 1000 for r in readings if r.battery.voltage_mv]
    if not volts:
        raise EnergyEstimateError("the phone does not report its battery's voltage")
    if source == "current":
        amperes = [abs(r.battery.current_ua or 0.0) / 1e6 for r in readings]
        return 1000 * statistics.mean(amperes) * statistics.mean(volts)
    counts = [r.battery.charge_uah for r in readings if r.battery.charge_uah]
    steps = sum(after < before for before, after in itertools.pairwise(counts))
    if steps < MIN_STEPS:
        raise EnergyEstimateError(
            f"the charge counter fell {steps} times in {_seconds(readings):.0f} s, "
            f"at least {MIN_STEPS} are needed; watch for longer"
        )
    ampere_hours = (counts[0] - counts[-1]) / 1e6
    return 1000 * ampere_hours * statistics.mean(volts) / (_seconds(readings) / 3600)


def _seconds(readings: Sequence[BatteryReading]) -> float:
    return readings[-1].at_s - readings[0].at_s
