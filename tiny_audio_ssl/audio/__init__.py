"""Sound files as mono waveforms.

- `constants`: the sample rate, the usual window, what counts as silent
- `waveform`: one rule for the samples of files, arrays and streams
- `io`: read, resample and convert audio files
- `decoder`: open what libsndfile is to decode
- `errors`: the exception for a file that can't be used
- `signatures`: tell sound by a file's ending or first bytes
- `containers`: find the parts of a file that are to be decoded
- `parts`: a part of a file, as a file of its own
- `chunks`: parts of WAV, RF64, AIFF, 8SVX, Wave64 and CAF files
- `headers`: parts of AU, NIST, AVR, WVE, SDS, VOC and XI files
- `matlab`, `frames`: parts of MATLAB files; whether PAF, PVF and IRCAM files end within a frame
- `ogg`, `flac`, `mpeg`: parts of Ogg, FLAC and MP3 files
- `synthetic`: built-in sounds, made by arithmetic
"""
