"""Train encoder and linear heads end to end on labels: fine-tuning and supervised baselines.

- `config`: settings (FinetuneConfig)
- `crops`: random crops for training, windows of whole recordings for testing
- `classifier`: one encoder with a head for each task: fit, predict
- `together`: tasks that may share an encoder, and their training parts
- `protocols`: fine-tuning, supervised, multi-head: evaluate, save
"""
