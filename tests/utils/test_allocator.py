"""Freed memory stays with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from tiny_audio_ssl.utils.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
size = 2**23
for _ in range(50):
    bytearray(size)[:]  # twice 2,048 pages
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(mode: str) -> int:
    command = [sys.executable, "-c", SCRIPT, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_the_same_memory_is_used_again():
    assert page_faults("keep") < page_faults("default") - 50_000
