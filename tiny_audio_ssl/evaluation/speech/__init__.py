"""Measure how well frame features distinguish the phones of speech.

- `items`: .item files, which list the phones and their times
- `frame_models`: models with frame features, opened by name
- `features`: frame features of the phones
- `abx`: ABX error, by distances between phones
- `time_warping`: distances between sequences of frames
- `units`: PNMI and codebook use of discrete units
- `same_different`: precision of "the same word", by distances between words
- `measure`: all of it for several models
"""
