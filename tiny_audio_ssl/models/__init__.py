"""The model that a phone runs: waveform -> log-mel -> encoder -> embedding.

- `frontend_config`, `encoder_config`: the settings of both, without PyTorch
- `frontend`: the log-mel spectrogram as an exportable module
- `mel_spectrum`: its Fourier transform and filters as matrix products
- `sinc`: a log-mel whose filters are learned
- `bodies`: the convolutions of each encoder, by name
- `encoders`: a body with pooling and readout, alone and behind the front-end
- `pooling`: attention over time
- `readout`: the parts of an encoder that make up the embedding
- `names`: names of models, in place of a run's folder
- `hub`: models on a model hub
- `checkpoint`: weights and settings on disk
"""
