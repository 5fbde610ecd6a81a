"""Embeddings of waveforms, files and folders.

- `embedder`: embeddings from a checkpoint
- `frames`: frame features of any model, an embedding every few milliseconds
- `long`: long sounds, in parts
- `recordings`: embeddings of files and folders, as an array or in a file
- `hear_model`: embeddings from any module with the HEAR API
- `comparison`: how near two sounds are, among all kinds of sound
- `taught_sounds`: sounds taught by a few examples, told from all others
- `mel_statistics`: statistics of the log-mel, the baseline to beat
"""
