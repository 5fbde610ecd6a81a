"""Answers of phones of several makers and versions of Android, parsed."""

from __future__ import annotations

import pytest
from support.paths import PHONES

from tiny_audio_ssl.bench.phone import state
from tiny_audio_ssl.bench.phone.adb import ShellResult
from tiny_audio_ssl.bench.phone.state import Battery, PhoneSpecs, PhoneState

REDMI = PHONES / "redmi-android-15"


class RecordedPhone:
    """A phone that answers from files."""

    serial = "S1"

    def __init__(self, kind: str):
        self.folder = PHONES / kind

    def shell(self, command: str) -> ShellResult:
        if command == state.CORES:
            clocks = enumerate((self.folder / "max_khz").read_text().split())
            lines = sorted(f"cpu{number} {khz}" for number, khz in clocks)
            return ShellResult(0, "\n".join(lines) + "\n", "")
        if command == state.CURRENT:
            return ShellResult(255, "Unknown get option: current_now\n", "")
        file = self.folder / command.split("/")[-1].split()[-1]
        missing = f"Can't find service: {file.name}\n"
        return ShellResult(0, file.read_text() if file.exists() else missing, "")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "pixel-6-android-14",
            PhoneSpecs(
                "S1", "Google Pixel 6", "Google Tensor", "14",
                ("arm64-v8a", "armeabi-v7a", "armeabi"), 8,
                (1803,) * 4 + (2253,) * 2 + (2802,) * 2,
            ),
        ),
        (
            "galaxy-s9-android-10",
            PhoneSpecs(
                "S1", "samsung SM-G960F", "exynos9810", "10",
                ("arm64-v8a", "armeabi-v7a", "armeabi"), 8, (1794,) * 4 + (2704,) * 4,
            ),
        ),
        (
            "nexus-5x-android-6",
            PhoneSpecs(
                "S1", "LGE Nexus 5X", "Qualcomm Technologies, Inc MSM8992", "6.0.1",
                ("arm64-v8a", "armeabi-v7a", "armeabi"), 6, (1440,) * 4 + (1824,) * 2,
            ),
        ),
    ],
)  # fmt: skip
def test_specifications(kind, expected):
    assert state.read_specs(RecordedPhone(kind)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "pixel-6-android-14",
            PhoneState(
                Battery(81, 27.4, 4235, 3_719_000, None, charging=True, plugged=True),
                thermal_status=0, cpu_c=38.0, skin_c=29.881, screen_on=True, power_save=False,
            ),
        ),
        (
            "nexus-5x-android-6",  # no thermal service, no charge counter, voltage in µV; full
            PhoneState(
                Battery(100, 31.2, 4304, None, None, charging=True, plugged=True),
                thermal_status=None, cpu_c=None, skin_c=None, screen_on=True, power_save=False,
            ),
        ),
    ],
)  # fmt: skip
def test_state(kind, expected):
    assert state.read_state(RecordedPhone(kind)) == expected


def test_samsungs_current_and_cached_temperatures():
    found = state.read_state(RecordedPhone("galaxy-s9-android-10"))
    assert found.thermal_status == 1 and found.cpu_c == 38.1  # the cached ones
    assert found.screen_on is False and found.power_save is True
    text = (PHONES / "galaxy-s9-android-10" / "battery").read_text().replace("@CURRENT@", "-284")
    assert state.parse_battery(text) == Battery(
        69, 26.5, 4000, 2_076_000, -284_000, charging=False, plugged=False
    )


def test_similar_lines_are_told_apart():
    found = state.parse_battery((REDMI / "battery").read_text())
    assert found == Battery(65, -3.1, 4077, None, None, charging=False, plugged=True)
    power = (REDMI / "power").read_text()
    assert state.parse_screen_on(power) is False and state.parse_power_save(power) is True


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
    assert state.parse_battery("", told).current_ua == microampere


def test_missing_answers_give_none():
    assert state.parse_battery("Can't find service: battery") == Battery()
    assert state.parse_screen_on("") is None and state.parse_power_save("") is None
    assert state.parse_hottest("", state.CPU) is None and state.parse_soc({}, "") is None
