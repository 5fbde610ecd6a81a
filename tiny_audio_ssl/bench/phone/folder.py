"""A temporary folder on a phone, removed even after an error or a lost connection."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from tiny_audio_ssl.bench.phone.adb import Phone, PhoneDisconnectedError, PhoneTimeoutError
from tiny_audio_ssl.errors import UserError

PREFIX = "tiny-audio-ssl-"


@contextmanager
def temporary_folder(phone: Phone, parent: str, reconnect_s: float, ending: str) -> Iterator[str]:
    """Make a folder in `parent` and remove it at the end; folders left on other days go first.

    Args:
        parent: a folder on the phone; made if need be.
        reconnect_s: time to wait at the end for a disconnected phone, to clean up on it.
        ending: a shell command to run before the removal; `$folder` is the folder's path.

    Raises `UserError`: the folder can't be made, or can't be removed; the message then says how
    to remove it by hand.
    """
    folder = f"{parent}/{PREFIX}{secrets.token_hex(6)}"
    failure = None
    try:
        run_checked(phone, f"mkdir -p {folder}")
        phone.shell(f"find {parent} -maxdepth 1 -name '{PREFIX}*' -mtime +0 -exec rm -rf {{}} +")
        yield folder
    except UserError as error:
        failure = error
        raise
    finally:
        if not _remove(phone, folder, reconnect_s, ending):
            by_hand = f"to remove what is left, type: adb -s {phone.serial} shell rm -rf {folder}"
            raise UserError(f"{failure}\n{by_hand}" if failure else by_hand) from failure


def run_checked(phone: Phone, command: str) -> None:
    """Run a shell command. Raises `UserError` with the phone's message if it fails."""
    done = phone.shell(command)
    if done.code:
        said = (done.err or done.out).strip()
        raise UserError(f"{phone.serial}: `{command}` failed on the phone: {said}")


def _remove(phone: Phone, folder: str, reconnect_s: float, ending: str) -> bool:
    """Remove the folder once the phone is attached; tell whether that worked."""
    try:
        return (
            phone.wait(reconnect_s)
            and phone.shell(f"folder={folder}; {ending}; rm -rf $folder").code == 0
        )
    except (PhoneDisconnectedError, PhoneTimeoutError):
        return False
