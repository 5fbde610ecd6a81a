"""Numbers that every part of the program agrees on. Imports nothing."""

from __future__ import annotations

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 15_600
"""The usual window: 96 frames of the default front-end."""
WINDOW_MS = 1000 * WINDOW_SAMPLES / SAMPLE_RATE_HZ
"""The same window in milliseconds: 975."""
DIGITAL_SILENCE_PEAK = 1 / 32768
"""Recordings whose samples all stay below one 16-bit step hold nothing and are refused."""
SILENCE_PEAK = 1e-3
"""Windows whose samples all stay below this, -60 dB of full scale, hold no sound to measure by."""
