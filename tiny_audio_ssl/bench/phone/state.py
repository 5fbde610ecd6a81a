"""Read a phone's model and cores, and its temperatures, battery and screen at the moment.

The sources are `getprop`, `/proc/cpuinfo`, `/sys/devices/system/cpu` and `dumpsys`, whose texts
differ between versions and makers of Android. A value that can't be found is None, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tiny_audio_ssl.bench.phone.adb import Phone

CPU, SKIN = "0", "3"  # android.os.Temperature: TYPE_CPU, TYPE_SKIN
CHARGING, FULL = 2, 5  # android.os.BatteryManager: BATTERY_STATUS_*
MICROVOLTS_FROM = 100_000  # larger values are microvolts: no battery has 100 V
CORES = (
    "for cpu in /sys/devices/system/cpu/cpu[0-9]*; do "
    "echo ${cpu##*/} $(cat $cpu/cpufreq/cpuinfo_max_freq 2>/dev/null); done"
)
# Android 16 reports the current; Linux does too, but most makers hide that file from the shell.
CURRENT = (
    "cmd battery get current_now 2>/dev/null; "
    "cat /sys/class/power_supply/battery/current_now 2>/dev/null"
)


@dataclass(frozen=True)
class PhoneSpecs:
    """The model, system and cores of a phone."""

    serial: str
    model: str  # "Google Pixel 6"
    soc: str | None  # "Google Tensor"
    android: str  # "14"
    abis: tuple[str, ...]  # the preferred one first: ("arm64-v8a", "armeabi-v7a")
    cores: int
    max_mhz: tuple[int, ...]  # of each core, by number; empty if not reported


@dataclass(frozen=True)
class Battery:
    """The battery, as `dumpsys battery` reports it, in one system of units."""

    level_percent: float | None = None
    temperature_c: float | None = None
    voltage_mv: float | None = None
    charge_uah: float | None = None  # remaining charge, by the battery's counter
    current_ua: float | None = None  # makers differ in the meaning of its sign
    charging: bool | None = None  # or full: the cable powers the phone then too
    plugged: bool | None = None


@dataclass(frozen=True)
class PhoneState:
    """The temperatures, battery and screen of a phone at one moment."""

    battery: Battery
    thermal_status: int | None  # 0 none, 1 light, 2 moderate, 3 severe, ...; Android 10 and later
    cpu_c: float | None  # of the hottest sensor
    skin_c: float | None
    screen_on: bool | None
    power_save: bool | None


def read_specs(phone: Phone) -> PhoneSpecs:
    """Read a phone's specifications. Raises what `Phone.shell` raises."""
    found = parse_properties(phone.shell("getprop").out)
    cores = parse_cores(phone.shell(CORES).out)
    cpuinfo = phone.shell("cat /proc/cpuinfo").out
    maker = found.get("ro.product.manufacturer", "")
    model = found.get("ro.product.model", "unknown")
    named = model.lower().startswith(maker.lower())
    abis = found.get("ro.product.cpu.abilist") or found.get("ro.product.cpu.abi", "")
    return PhoneSpecs(
        serial=phone.serial,
        model=model if named else f"{maker} {model}",
        soc=parse_soc(found, cpuinfo),
        android=found.get("ro.build.version.release", "unknown"),
        abis=tuple(abis.split(",")) if abis else (),
        cores=len(cores),
        max_mhz=tuple(mhz for mhz in cores if mhz is not None),
    )


def read_state(phone: Phone) -> PhoneState:
    """Read a phone's current state. Raises what `Phone.shell` raises."""
    thermal = phone.shell("dumpsys thermalservice").out
    power = phone.shell("dumpsys power").out
    status = re.search(r"^Thermal Status: (\d+)", thermal, re.MULTILINE)
    return PhoneState(
        battery=parse_battery(phone.shell("dumpsys battery").out, phone.shell(CURRENT).out),
        thermal_status=int(status[1]) if status else None,
        cpu_c=parse_hottest(thermal, CPU),
        skin_c=parse_hottest(thermal, SKIN),
        screen_on=parse_screen_on(power),
        power_save=parse_power_save(power),
    )


def parse_properties(text: str) -> dict[str, str]:
    """Parse `getprop`: lines `[name]: [value]`."""
    return dict(re.findall(r"^\[([^\]]+)\]: \[([^\]]*)\]$", text, re.MULTILINE))


def parse_cores(text: str) -> list[int | None]:
    """Parse the output of `CORES`: the highest clock of each core in MHz, by number."""
    found = re.findall(r"^cpu(\d+) ?(\d*)$", text, re.MULTILINE)
    by_number = sorted((int(number), khz) for number, khz in found)
    return [int(khz) // 1000 if khz else None for _, khz in by_number]


def parse_soc(properties: dict[str, str], cpuinfo: str) -> str | None:
    """Return maker and model of the SoC (Android 12), or the kernel's or maker's name for it."""
    if model := properties.get("ro.soc.model"):
        return f"{properties.get('ro.soc.manufacturer', '')} {model}".strip()
    if hardware := re.search(r"^Hardware\s*: (.+)$", cpuinfo, re.MULTILINE):
        return hardware[1].strip()
    names = ("ro.hardware.chipname", "ro.chipname", "ro.board.platform", "ro.hardware")
    return next((properties[name] for name in names if properties.get(name)), None)


def parse_battery(text: str, current: str = "") -> Battery:
    """Parse `dumpsys battery` and the output of `CURRENT`; a number (µA) in that has priority."""
    found = dict(reversed(re.findall(r"^[ \t]*([A-Za-z ]+): *(\S+)$", text, re.MULTILINE)))
    numbers = {name: float(value) for name, value in found.items() if _is_number(value)}
    level, scale = numbers.get("level"), numbers.get("scale", 100.0)
    tenths_c, voltage = numbers.get("temperature"), numbers.get("voltage")
    status = numbers.get("status")
    supplies = [value == "true" for name, value in found.items() if name.endswith(" powered")]
    if voltage and voltage > MICROVOLTS_FROM:
        voltage /= 1000
    return Battery(
        level_percent=100 * level / scale if level is not None else None,
        temperature_c=tenths_c / 10 if tenths_c is not None else None,
        voltage_mv=voltage or None,
        charge_uah=numbers.get("Charge counter") or None,  # 0: no counter
        current_ua=_current_ua(current, numbers),
        charging=status in (CHARGING, FULL) if status is not None else None,
        plugged=any(supplies) if supplies else None,
    )


def _current_ua(text: str, numbers: dict[str, float]) -> float | None:
    if told := re.search(r"^-?\d+$", text, re.MULTILINE):
        return float(told[0]) or None
    milliampere = numbers.get("current now")  # Samsung
    return 1000 * milliampere if milliampere else None


def parse_hottest(thermal: str, kind: str) -> float | None:
    """Return the highest temperature in °C of one kind of sensor in `dumpsys thermalservice`.

    Sensors are listed twice: first as last reported, which may be long ago, then as they are now.
    """
    _, now, current = thermal.partition("Current temperatures from HAL:")
    values = list(_temperatures(current, kind)) if now else []
    return max(values or _temperatures(thermal, kind), default=None)


def _temperatures(text: str, kind: str) -> Iterator[float]:
    text = text.partition("Current cooling devices")[0]
    for value, found in re.findall(r"Temperature\{mValue=(-?[\d.]+), mType=(-?\d+)", text):
        if found == kind and float(value) > 0:  # 0: a sensor that is absent
            yield float(value)


def parse_screen_on(power: str) -> bool | None:
    """Parse `dumpsys power`. A dreaming phone shows a screen saver, so its screen is on."""
    if wakefulness := re.search(r"mWakefulness=(\w+)", power):
        return wakefulness[1] in ("Awake", "Dreaming")
    display = re.search(r"Display Power: state=(\w+)", power)
    return display[1] == "ON" if display else None


def parse_power_save(power: str) -> bool | None:
    """Parse `dumpsys power`: tell whether power saving is active, which a cable suspends."""
    if now := re.search(r"Battery Saver is currently: (\w+)", power):  # Android 8.1 and later
        return now[1] != "OFF"
    enabled = re.search(r"mLowPowerModeEnabled=(\w+)", power)  # Android 5 to 8
    return enabled[1] == "true" if enabled else None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", text) is not None
