"""Recordings for training and evaluation.

- `corpus`: recordings of a folder, a manifest or the built-in sounds, and splits of them
- `table`: users' CSV tables, and what their columns ask for
- `cache`: decoded recordings on disk, with random access
- `copies`: recordings that share sound
- `decoding`: decode files into shards, in one process or several
- `shards`, `shard_index`: the files of the cache
- `word_times`: where words are spoken, from a manifest column
- `batches`: the crops of a training step
"""
