"""Ask whether frame features tell the phones of speech apart.

- `items`: .item files, which say what phone is spoken where
- `frame_models`: models with frame features, opened by name
- `features`: frame features of the phones
- `abx`: ABX error, by distances between phones
- `time_warping`: distances between sequences of frames
- `units`: PNMI and codebook use of discrete units
- `same_different`: precision of "the same word", by distances between words
- `measure`: all of it for several models
"""
