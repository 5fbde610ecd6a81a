"""The self-supervised tasks.

- `registry`: the tasks by name, each imported when it is used
- `base`: the contract of a task
- `configs`: the hyper-parameters of each task, without PyTorch
- `temporal_gap`, `audio2vec`, `autoencoder`, `triplet`, `cola`, `byol_a`, `distillation`,
  `combined`, `cpc`, `wav2vec`: the tasks
- `pairs`: two slices of one recording, shared by several tasks
- `steps`: a clip as a sequence of short slices, shared by tasks that predict, mask or quantize
- `predictive`: the base of tasks that predict later steps
- `context`: networks over these steps, which are thrown away after training
- `decoder`: the decoder of the tasks that reconstruct
- `augment`: the augmentations of BYOL-A
- `noise`: colored noise, added to log-mels
- `contrast`: losses of pairs against other clips
- `distort`: distortions of waveforms
- `sampling`: random parts of clips
"""

from tiny_audio_ssl.pretext.registry import PRETEXTS, config_class, pretext_class

__all__ = ["PRETEXTS", "config_class", "pretext_class"]
