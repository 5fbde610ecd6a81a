"""Time exported artifacts on this machine, as `tiny-audio-ssl bench` does: a table, a CSV, or JSON.

python benchmarks/latency.py RUN/export --csv benchmarks/results/latency.csv
"""

from __future__ import annotations

import sys

from tiny_audio_ssl.cli import run

if __name__ == "__main__":
    sys.exit(run(["bench", *sys.argv[1:]]))
