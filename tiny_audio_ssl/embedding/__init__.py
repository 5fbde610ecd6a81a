"""Embeddings of waveforms, files and folders.

- `embedder`: embeddings from a checkpoint
- `hear_model`: embeddings from any module with the HEAR API
- `mel_statistics`: statistics of the log-mel, the baseline to beat
"""
