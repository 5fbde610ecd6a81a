"""Sound files as mono waveforms.

- `constants`: the sample rate, the usual window, what counts as silent
- `waveform`: one rule for the samples of files, arrays and streams
- `io`: read, resample and convert audio files
- `containers`: detect truncated and damaged files
- `synthetic`: built-in sounds, made by arithmetic
"""
