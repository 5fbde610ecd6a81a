"""Sound files as mono waveforms.

- `io`: read, resample and convert audio files
- `containers`: detect truncated and damaged files
- `synthetic`: built-in sounds, made by arithmetic
"""
