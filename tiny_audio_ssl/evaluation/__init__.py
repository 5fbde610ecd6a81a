"""Measure how good an embedding is.

- `datasets`: published datasets, and suites of tasks
- `probing`: linear, kNN and few-shot probes of frozen embeddings
- `speech`: ABX error and PNMI of frame features
- `finetuning`: encoders trained end to end on labels
- `search`: choice of pretext tasks and their weights
"""
