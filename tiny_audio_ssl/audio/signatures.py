"""Tell sound by a file's ending or first bytes. Imports neither NumPy nor an audio library."""

from __future__ import annotations

import os
from pathlib import Path

from tiny_audio_ssl.audio.errors import in_words
from tiny_audio_ssl.audio.mpeg import is_mpeg

# fmt: off
EXTENSIONS = frozenset({
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2",
    ".mp1", ".mpga", ".aiff", ".aif", ".aifc", ".caf", ".au", ".snd", ".avr", ".nist", ".sph",
    ".paf", ".pvf", ".voc", ".gsm", ".vox", ".sds", ".sd2", ".ircam", ".wve", ".xi",
    ".svx", ".8svx", ".htk",
})
"""Suffixes of audio files that can be read, in lower case."""
OTHER_EXTENSIONS = frozenset({
    ".m4a", ".m4b", ".mp4", ".aac", ".adts", ".3gp", ".3gpp", ".3g2", ".wma", ".asf", ".amr",
    ".awb", ".webm", ".weba", ".mka", ".ac3", ".eac3", ".dts", ".ape", ".wv", ".tta", ".tak",
    ".mpc", ".shn", ".dsf", ".dff", ".ra", ".spx", ".qcp", ".raw", ".pcm", ".sln",
})
"""Suffixes of audio files that are listed, and used only if their content is of a known format."""
# fmt: on

_IMAGES = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"crx ")
_PREFIXES = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"caff": "CAF",
    b".snd": "AU",
    b"dns.": "AU",
    b"riff\x2e\x91\xcf\x11": "Wave64",
    b"NIST_1A": "NIST",
    b"Creative Voice File": "VOC",
    b"2BIT": "AVR",
    b" paf": "PAF",
    b"fap ": "PAF",
    b"PVF1": "PVF",
    b"ALawSoundFile": "WVE",
    b"Extended Instrument:": "XI",
    b"\xf0\x7e\x00\x01": "SDS",
} | dict.fromkeys(
    [bytes([0x64, 0xA3, n, 0]) for n in range(1, 5)]
    + [bytes([0, n, 0xA3, 0x64]) for n in range(1, 5)],
    "IRCAM",
)
_FOREIGN = {
    b"#!AMR": "AMR",
    b"\x1a\x45\xdf\xa3": "WebM or Matroska",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "WMA (ASF)",
    b"MAC ": "Monkey's Audio",
    b"wvpk": "WavPack",
    b"TTA1": "TTA",
    b"tBaK": "TAK",
    b"MPCK": "Musepack",
    b"MP+": "Musepack",
    b"ajkg": "Shorten",
    b"DSD ": "DSD",
    b"FRM8": "DSD",
    b".ra\xfd": "RealAudio",
    b".RMF": "RealMedia",
    b"ADIF": "AAC",
    b"\x7f\xfe\x80\x01": "DTS",
}
HEAD_BYTES = 4096


def looks_like_sound(path: Path) -> tuple[bool, str]:
    """Judge a file by its ending and, where that is not one of `EXTENSIONS`, its first bytes.

    Returns:
        Whether it looks like sound, and why it can't be read: "" if it can, or is not sound.
    """
    suffix = path.suffix.lower()
    if suffix in EXTENSIONS:
        return True, ""
    is_other = suffix in OTHER_EXTENSIONS
    try:
        if not path.is_file():
            return is_other, "not a file"
        with path.open("rb", buffering=0) as file:
            head = file.read(HEAD_BYTES)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        return is_other, in_words(error)
    if readable_format(head, size):
        return True, ""
    name = foreign_format(head)
    if name is None and not is_other:
        return False, ""
    return True, foreign_reason(name or suffix.removeprefix(".").upper()) if size else "empty"


def foreign_reason(name: str) -> str:
    return f"unreadable: {name}; convert it, for example with: ffmpeg -i IN OUT.flac"


def readable_format(head: bytes, size: int) -> str | None:
    """Return the format of a file that begins with `head`, among those that can be read."""
    form = head[8:12]
    if head[:4] in (b"RIFF", b"RIFX", b"RF64"):
        return "WAV" if form == b"WAVE" else None
    if head[:4] == b"FORM":
        return {b"AIFF": "AIFF", b"AIFC": "AIFF", b"8SVX": "8SVX", b"16SV": "8SVX"}.get(form)
    for prefix, name in _PREFIXES.items():
        if head.startswith(prefix):
            return name
    if b"samplerate" in head[:256] and (head.startswith(b"MATLAB") or len(head) > 20):
        return "MATLAB" if head.startswith((b"MATLAB", bytes(4), b"\0\0\x03\xe8")) else None
    if head[8:12] == b"\0\2\0\0" and 12 + 2 * int.from_bytes(head[:4], "big") == size:
        return "HTK"
    if head.startswith(b"\1\4") and 42 + 2 * int.from_bytes(head[30:34], "little") == size:
        return "MPC2K"
    return "MP3" if is_mpeg(head) else None


def foreign_format(head: bytes) -> str | None:
    """Return the format of a file that begins with `head`, among those that can't be read."""
    if head[4:8] == b"ftyp" and head[8:12] not in _IMAGES:
        return "MP4 (M4A, AAC)"
    if len(head) > 6 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:  # ADTS
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if size > 7 and head[size : size + 2] in (head[:2], b""):
            return "AAC"
    for prefix, name in _FOREIGN.items():
        if head.startswith(prefix):
            return name
    return None
