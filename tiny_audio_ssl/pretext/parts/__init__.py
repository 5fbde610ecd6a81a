"""Building blocks that several tasks share.

Random parts and changes of clips:
- `sampling`: random cuts
- `pairs`: two slices of one recording
- `augment`: augmentations of log-mels
- `noise`: colored noise, added to log-mels
- `distort`: distortions of waveforms
- `degrade`: the same with one strength from 0 to 1
- `contamination`: the distortions of PASE+, each on a share of the clips
- `views`: crops that are mixed and band-limited once for all epochs

Networks behind the encoder:
- `heads`: small networks
- `context`: networks over a sequence of steps
- `decoder`: the decoders of the tasks that reconstruct
- `latent_maps`: autoencoders whose code is the last maps

Sequences of short slices:
- `steps`: a clip as a sequence of steps
- `predictive`: the base of tasks that predict later steps
- `masked_steps`: the base of tasks that predict masked steps
- `interpolation`: the baseline for reconstructions of masked parts

Sounds in mixtures:
- `mixing`: pairs of sounds to mix
- `spectra`: the short-time Fourier transform and its inverse
- `masks`: the base of tasks that mask a spectrogram
- `added_noise`: the base of tasks that add noise to recordings
- `masked_sound`: the products of such tasks, cleaner or separated sound
- `sound_error`: how far an estimated sound is from the true one

Targets and losses:
- `contrast`: losses of pairs against other clips
- `codebooks`: vector quantization that is learned with a task
- `kmeans`: clusters that are fitted before training
- `acoustic_targets`: MFCC and deltas of waveforms
- `prosody`: pitch, voicing, zero crossings and energy of waveforms
- `signal_targets`: all targets that are computed from waveforms, by name
- `step_targets`: standardized targets of each step of a clip
- `spoken_words`: words of a clip as slices of one length, and their decoder
- `discriminator`: a discriminator of sequences, and the reversal of gradients
- `segments`: runs of steps with the same number
- `phone_text`: text as phone ids, and the probabilities of phones in it
- `units`: the product of tasks that assign ids to steps
- `pitch`: pitch and confidence from an embedding, and their scale in Hz
- `distance`: a distance between the embeddings of two sounds
- `vocal_tract`: sounds of a vocal tract with nine parameters
- `teachers`: the models that an encoder is distilled from
- `targets`: embeddings of the teachers, computed once and stored
"""
