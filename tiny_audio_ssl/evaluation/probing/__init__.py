"""Probe frozen embeddings: labeled recordings, splits that do not leak, protocols, scores.

- `probe`: score models on tasks, with baselines; the library function
- `models`: models to probe, opened by name
- `in_windows`: models that take one window at a time, such as artifacts
- `labeled`: tasks opened: recordings, labels, splits
- `labels`: checks of a label column
- `splits`: training and test parts that share no sound and no group
- `protocols`: linear, kNN and few-shot classifiers
- `scores`: predictions, accuracy, intervals, recovery, files
- `store`: embeddings kept on disk
- `heads`: linear probes to export with an encoder
- `tables`: scores printed in the terminal
"""
