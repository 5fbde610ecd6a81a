"""Phones through Android's own client, `adb`: list them, run shell commands, copy files.

The client finds its server by itself, so `ANDROID_ADB_SERVER_PORT` and its other environment
variables work as they do on the command line.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiny_audio_ssl.errors import UserError

READY = "device"  # adb's name for the state of a phone that can be used
QUERY_S = 30.0  # for commands that a phone answers at once
TRANSFER_S = 300.0  # for some 20 MB over a slow cable
ADVICE = {
    "unauthorized": "unlock the phone, allow USB debugging when it asks, and try again",
    "authorizing": "unlock the phone, allow USB debugging when it asks, and try again",
    "offline": "unplug the phone and plug it in again, or type: adb reconnect offline",
    "no permissions": "add a udev rule for it (apt-get install android-sdk-platform-tools-common)",
}


class PhoneDisconnectedError(UserError):
    """The connection to a phone broke during a command or a copy."""


class PhoneTimeoutError(UserError):
    """A phone did not finish in time; the command may still be running there."""


@dataclass(frozen=True)
class AttachedPhone:
    """One line of `adb devices`."""

    serial: str
    state: str  # READY, or why not: unauthorized, offline, no permissions (...), recovery, ...

    @property
    def problem(self) -> str | None:
        """Why the phone can't be used and how to fix it; None if it can be used."""
        if self.state == READY:
            return None
        known = (advice for state, advice in ADVICE.items() if self.state.startswith(state))
        return f"{self.serial} is {self.state}: {next(known, 'start Android on it')}"


@dataclass(frozen=True)
class ShellResult:
    """The exit code and output of a command on the phone."""

    code: int  # 128 + the signal's number for a process killed by a signal
    out: str
    err: str  # empty before Android 7, whose shell mixes it into `out`


@dataclass(frozen=True)
class Phone:
    """One attached phone."""

    serial: str

    def shell(self, command: str, timeout_s: float = QUERY_S) -> ShellResult:
        """Run a command line in the phone's shell.

        Phones before Android 7 (no `shell_v2`) report no exit code, so it is printed after a
        random mark. A missing mark means that the connection broke.

        Raises `PhoneDisconnectedError`, `PhoneTimeoutError`.
        """
        mark = secrets.token_hex(8)
        done = self._adb("shell", f"({command}\n); echo {mark}$?", timeout_s=timeout_s)
        out, found, code = _text(done.stdout).rpartition(mark)
        if not found:
            raise self._failure(f"while it ran: {command}", _text(done.stderr))
        return ShellResult(int(code), out, _text(done.stderr))

    def push(self, sources: Sequence[Path], folder: str, timeout_s: float = TRANSFER_S) -> None:
        """Copy files into an existing folder on the phone.

        Raises `UserError`: no space left, not permitted; `PhoneDisconnectedError`;
        `PhoneTimeoutError`.
        """
        done = self._adb("push", *map(str, sources), f"{folder}/", timeout_s=timeout_s)
        if done.returncode:
            said = _text(done.stderr + done.stdout)
            if "No space left" in said:
                needed_mb = sum(source.stat().st_size for source in sources) / 1e6
                raise UserError(
                    f"{self.serial}: its storage is full; free at least {needed_mb:.1f} MB there"
                )
            raise self._failure(f"while files were copied to {folder}", said)

    def pull(self, source: str, target: Path, timeout_s: float = TRANSFER_S) -> None:
        """Copy one file from the phone.

        Raises `UserError`, `PhoneDisconnectedError`, `PhoneTimeoutError`.
        """
        done = self._adb("pull", source, str(target), timeout_s=timeout_s)
        if done.returncode:
            raise self._failure(
                f"while {source} was copied from it", _text(done.stderr + done.stdout)
            )

    def is_ready(self) -> bool:
        """Tell whether the phone is attached and can be used now."""
        return AttachedPhone(self.serial, READY) in attached()

    def wait(self, timeout_s: float) -> bool:
        """Wait until the phone can be used; return False if it can't within the time."""
        end = time.monotonic() + timeout_s
        while not self.is_ready():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def _adb(self, *arguments: str, timeout_s: float) -> subprocess.CompletedProcess[bytes]:
        try:
            return _run("-s", self.serial, *arguments, timeout_s=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise PhoneTimeoutError(
                f"{self.serial}: `adb {arguments[0]}` did not end within {timeout_s:g} s"
            ) from error

    def _failure(self, when: str, said: str) -> UserError:
        """Return the error of a failed adb: the phone refused, or it is no longer attached."""
        if self.is_ready():
            return UserError(
                f"{self.serial}: adb failed {when}: {said.strip() or 'no reason given'}"
            )
        return PhoneDisconnectedError(
            f"{self.serial}: the phone was disconnected {when}; check cable and battery, "
            "and try again"
        )


def attached() -> list[AttachedPhone]:
    """Return all phones that `adb devices` lists, starting adb's server if none runs."""
    try:
        done = _run("devices", timeout_s=QUERY_S)
    except subprocess.TimeoutExpired as error:
        raise UserError("`adb devices` hangs; type: adb kill-server") from error
    if done.returncode:
        raise UserError(f"`adb devices` failed: {_text(done.stderr).strip()}")
    lines = [line.split("\t", 1) for line in _text(done.stdout).splitlines() if "\t" in line]
    return [AttachedPhone(serial, state.strip()) for serial, state in lines]


def choose(serial: str | None, warn: Callable[[str], None]) -> list[Phone]:
    """Return the phone named (or in $ANDROID_SERIAL, as for adb), else all usable phones.

    Args:
        serial: of the one phone to use.
        warn: called with a message for every attached phone that can't be used.

    Raises `UserError`: no adb, no phone, none of that name, or none usable.
    """
    found = attached()
    serial = serial or os.environ.get("ANDROID_SERIAL")
    if serial:
        listed = ", ".join(f"{phone.serial} ({phone.state})" for phone in found) or "none"
        found = [phone for phone in found if phone.serial == serial]
        if not found:
            raise UserError(f"no phone {serial!r} is attached; attached are: {listed}")
    if not found:
        raise UserError(
            "no phone is attached: connect one by USB, turn on USB debugging in its developer "
            "options, and check that `adb devices` lists it"
        )
    problems = [phone.problem for phone in found if phone.problem]
    if len(problems) == len(found):
        raise UserError("; ".join(problems))
    for problem in problems:
        warn(f"left out: {problem}")
    return [Phone(phone.serial) for phone in found if not phone.problem]


def _run(*arguments: str, timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["adb", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
        )
    except FileNotFoundError as error:
        raise UserError(
            "adb is not installed: apt-get install adb, or put Android's platform-tools on PATH"
        ) from error


def _text(output: bytes) -> str:
    """Decode output; phones before Android 7 end lines with \\r\\n."""
    return output.decode(errors="replace").replace("\r\n", "\n")
