"""How good is an embedding?

- `datasets`: published datasets and suites of tasks
- `probing`: linear, kNN and few-shot probes of frozen embeddings
- `finetuning`: encoders trained end to end on labels
- `search`: the choice of pretext tasks and their weights
"""
