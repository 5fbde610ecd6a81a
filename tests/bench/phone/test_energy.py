"""Energy of listening, from readings of a battery."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tiny_audio_ssl.bench.phone.energy import (
    BatteryReading,
    EnergyEstimateError,
    estimate_energy,
)
from tiny_audio_ssl.bench.phone.state import Battery


def falling(step_uah: float, seconds: int = 60) -> list[BatteryReading]:
    """Return a reading a second at 4 V; the charge counter falls every ten."""
    return [
        BatteryReading(
            s, Battery(voltage_mv=4000, charge_uah=2e6 - step_uah * (s // 10), plugged=False)
        )
        for s in range(seconds + 1)
    ]


def test_energy_from_the_charge_counter():
    idle, busy = falling(1000), falling(3500)  # µAh in 10 s: 0.36 A and 1.26 A
    found = estimate_energy(idle, busy)
    assert found.source == "charge counter" and found.seconds == 60
    assert found.idle_mw == pytest.approx(1440) and found.busy_mw == pytest.approx(5040)
    assert found.mwh_per_hour(0.01) == pytest.approx(36)


def test_a_missing_estimate_has_a_reason():
    def plugged(readings):
        return [replace(r, battery=replace(r.battery, plugged=True)) for r in readings]

    for idle, busy, why in (
        (plugged(falling(1000)), falling(2000), "a cable powers"),
        (falling(1000, 25), falling(2000), "fell 2 times in 25 s, at least 3"),
        (falling(2000), falling(1000), "does not exceed idle"),
        ([BatteryReading(0, Battery()), BatteryReading(1, Battery())], falling(1000), "voltage"),
    ):
        with pytest.raises(EnergyEstimateError, match=why):
            estimate_energy(idle, busy)
