"""A folder on a phone that is gone afterwards, whatever happens in between."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from tiny_audio_ssl.bench.phone.adb import Phone, PhoneGone, PhoneTooSlow
from tiny_audio_ssl.errors import UserError

PREFIX = "tiny-audio-ssl-"


@contextmanager
def scratch(phone: Phone, parent: str, return_s: float, ending: str) -> Iterator[str]:
    """A new folder in `parent`; those that are left there from other days go first.

    Args:
        return_s: how long to wait at the end for a phone that went away, to clean up on it.
        ending: a shell command to run before it is removed; `$folder` is its path.

    Raises `UserError` where it can't be made, or can't be removed: then with what to type.
    """
    folder = f"{parent}/{PREFIX}{secrets.token_hex(6)}"
    failure = None
    try:
        must(phone, f"mkdir -p {folder}")
        phone.shell(f"find {parent} -maxdepth 1 -name '{PREFIX}*' -mtime +0 -exec rm -rf {{}} +")
        yield folder
    except UserError as error:
        failure = error
        raise
    finally:
        if not _removed(phone, folder, return_s, ending):
            by_hand = f"to remove what is left, type: adb -s {phone.serial} shell rm -rf {folder}"
            raise UserError(f"{failure}\n{by_hand}" if failure else by_hand) from failure


def must(phone: Phone, command: str) -> None:
    """Run a command that has to succeed; a `UserError` says what the phone said."""
    done = phone.shell(command)
    if done.code:
        said = (done.err or done.out).strip()
        raise UserError(f"{phone.serial}: `{command}` failed on the phone: {said}")


def _removed(phone: Phone, folder: str, return_s: float, ending: str) -> bool:
    try:
        return (
            phone.wait(return_s)
            and phone.shell(f"folder={folder}; {ending}; rm -rf $folder").code == 0
        )
    except (PhoneGone, PhoneTooSlow):
        return False
