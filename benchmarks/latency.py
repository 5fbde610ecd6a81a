"""Time artifacts on this machine and on phones, as `tiny-audio-ssl bench` does.

python benchmarks/latency.py RUN/export --target host host-native adb --csv latency.csv
"""

from __future__ import annotations

import sys

from tiny_audio_ssl.cli import run

if __name__ == "__main__":
    sys.exit(run(["bench", *sys.argv[1:]]))
