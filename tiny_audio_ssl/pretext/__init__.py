"""The self-supervised tasks.

- `registry`: the tasks by name, each imported when it is used
- `base`: the contract of a task
- `configs`: the hyper-parameters of each task, without PyTorch
- `temporal_gap`, `audio2vec`, `autoencoder`, `triplet`, `cola`, `byol_a`, `distillation`,
  `combined`, `cpc`, `wav2vec`, `vq_wav2vec`, `wav2vec2`, `hubert`, `seqrq_ae`,
  `masked`: the tasks
- `pairs`: two slices of one recording, shared by several tasks
- `steps`: a clip as a sequence of short slices, shared by tasks that predict, mask or quantize
- `predictive`: the base of tasks that predict later steps
- `masked_steps`: the base of tasks that predict steps which they mask
- `context`: networks over these steps, which are thrown away after training
- `codebooks`: vectors as numbers of entries that are learned with a task
- `kmeans`: clusters that are fitted before training
- `acoustic_targets`: MFCC and deltas of waveforms
- `product`: what a task can give beside the embedding, to be exported
- `units`: the product of tasks that give steps numbers
- `interpolation`: what a reconstruction of masked parts is compared with
- `decoder`: the decoder of the tasks that reconstruct
- `augment`: augmentations of log-mels
- `heads`: small networks behind the encoder
- `noise`: colored noise, added to log-mels
- `contrast`: losses of pairs against other clips
- `distort`: distortions of waveforms
- `sampling`: random parts of clips
"""

from tiny_audio_ssl.pretext.registry import PRETEXTS, config_class, pretext_class

__all__ = ["PRETEXTS", "config_class", "pretext_class"]
