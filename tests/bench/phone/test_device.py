"""What phones of several makers and versions of Android say, and what is made of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.paths import PHONES

from tiny_audio_ssl.bench.phone import device as about
from tiny_audio_ssl.bench.phone.adb import Done
from tiny_audio_ssl.bench.phone.device import Battery, Specs, State
from tiny_audio_ssl.bench.phone.energy import NoEstimate, Reading, estimate

REDMI = PHONES / "redmi-android-15"


class Told:
    """A phone that answers from files."""

    serial = "S1"

    def __init__(self, kind: str):
        self.folder = PHONES / kind

    def shell(self, command: str) -> Done:
        if command == about.CORES:
            clocks = enumerate((self.folder / "max_khz").read_text().split())
            lines = sorted(f"cpu{number} {khz}" for number, khz in clocks)
            return Done(0, "\n".join(lines) + "\n", "")
        if command == about.CURRENT:
            return Done(255, "Unknown get option: current_now\n", "")
        file = self.folder / command.split("/")[-1].split()[-1]
        missing = f"Can't find service: {file.name}\n"
        return Done(0, file.read_text() if file.exists() else missing, "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "pixel-6-android-14",
            Specs(
                "S1", "Google Pixel 6", "Google Tensor", "14",
                ("arm64-v8a", "armeabi-v7a", "armeabi"), 8,
                (1803,) * 4 + (2253,) * 2 + (2802,) * 2,
            ),
        ),
        (
            "galaxy-s9-android-10",
            Specs(
                "S1", "samsung SM-G960F", "exynos9810", "10",
                ("arm64-v8a", "armeabi-v7a", "armeabi"), 8, (1794,) * 4 + (2704,) * 4,
            ),
        ),
        (
            "nexus-5x-android-6",
            Specs(
                "S1", "LGE Nexus 5X", "Qualcomm Technologies, Inc MSM8992", "6.0.1",
                ("arm64-v8a", "armeabi-v7a", "armeabi"), 6, (1440,) * 4 + (1824,) * 2,
            ),
        ),
    ],
)  # fmt: skip
def test_what_a_phone_is(kind, expected):
    assert about.specs(Told(kind)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "pixel-6-android-14",
            State(
                Battery(81, 27.4, 4235, 3_719_000, None, charging=True, plugged=True),
                thermal_status=0, cpu_c=38.0, skin_c=29.881, screen_on=True, power_save=False,
            ),
        ),
        (
            "nexus-5x-android-6",  # no thermal service, no charge counter, voltage in µV; full
            State(
                Battery(100, 31.2, 4304, None, None, charging=True, plugged=True),
                thermal_status=None, cpu_c=None, skin_c=None, screen_on=True, power_save=False,
            ),
        ),
    ],
)  # fmt: skip
def test_how_a_phone_is(kind, expected):
    assert about.state(Told(kind)) == expected


def test_samsungs_current_and_a_thermal_service_without_sensors_now():
    found = about.state(Told("galaxy-s9-android-10"))
    assert found.thermal_status == 1 and found.cpu_c == 38.1  # the cached ones
    assert found.screen_on is False and found.power_save is True
    text = (PHONES / "galaxy-s9-android-10" / "battery").read_text().replace("@CURRENT@", "-284")
    assert about.parse_battery(text) == Battery(
        69, 26.5, 4000, 2_076_000, -284_000, charging=False, plugged=False
    )


def test_lines_that_look_like_others():
    found = about.parse_battery((REDMI / "battery").read_text())
    assert found == Battery(65, -3.1, 4077, None, None, charging=False, plugged=True)
    power = (REDMI / "power").read_text()
    assert about.parse_screen_on(power) is False and about.parse_power_save(power) is True


@pytest.mark.parametrize(
    ("told", "microampere"),
    [
        ("-251562\n", -251562),
        ("Unknown get option: current_now\n-90000\n", -90000),
        ("cat: Permission denied\n", None),
        ("0\n", None),
        ("", None),
    ],
)
def test_current(told, microampere):
    assert about.parse_battery("", told).current_ua == microampere


def test_nothing_said_is_nothing_known():
    assert about.parse_battery("Can't find service: battery") == Battery()
    assert about.parse_screen_on("") is None and about.parse_power_save("") is None
    assert about.hottest("", about.CPU) is None and about.soc({}, "") is None


def falling(step_uah: float, seconds: int = 60) -> list[Reading]:
    """One reading a second at 4 V; the counter falls every ten."""
    return [
        Reading(s, Battery(voltage_mv=4000, charge_uah=2e6 - step_uah * (s // 10), plugged=False))
        for s in range(seconds + 1)
    ]


def test_energy_from_the_charge_counter():
    idle, busy = falling(1000), falling(3500)  # µAh in 10 s: 0.36 A and 1.26 A
    found = estimate(idle, busy, real_time_factor=0.01)
    assert found.source == "charge counter" and found.seconds == 60
    assert found.idle_mw == pytest.approx(1440) and found.busy_mw == pytest.approx(5040)
    assert found.mwh_per_hour_listening == pytest.approx(36)


def test_no_energy_with_a_reason():
    def plugged(readings):
        return [replace(r, battery=replace(r.battery, plugged=True)) for r in readings]

    for idle, busy, why in (
        (plugged(falling(1000)), falling(2000), "a cable feeds"),
        (falling(1000, 25), falling(2000), "fell 2 times in 25 s, at least 3"),
        (falling(2000), falling(1000), "no more power busy"),
        ([Reading(0, Battery()), Reading(1, Battery())], falling(1000), "no voltage"),
    ):
        with pytest.raises(NoEstimate, match=why):
            estimate(idle, busy, 0.01)
