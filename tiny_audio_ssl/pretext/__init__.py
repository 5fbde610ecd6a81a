"""The self-supervised tasks.

- `registry`: the tasks by name, each imported when it is used
- `base`: the contract of a task
- `product`: outputs of a task beside the embedding, which can be exported
- `building`: builds a task for an encoder
- `tasks`: one file for each task, or for a few similar ones
- `configs`: the hyper-parameters of each task, without PyTorch
- `parts`: pieces that several tasks are made of
"""

from tiny_audio_ssl.pretext.registry import PRETEXTS, config_class, pretext_class

__all__ = ["PRETEXTS", "config_class", "pretext_class"]
