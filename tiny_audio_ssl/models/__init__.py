"""The model that a phone runs: waveform -> log-mel -> encoder -> embedding.

- `frontend`: the log-mel spectrogram as an exportable module
- `mel_spectrum`: its Fourier transform and filters as matrix products
- `encoders`: the encoders by name
- `readout`: which parts of an encoder the embedding is made of
- `checkpoint`: weights and settings on disk
"""
