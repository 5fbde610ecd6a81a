"""Encoder and linear heads, trained end to end: fine-tuning, and the supervised baselines.

crops       random crops in training, windows of whole recordings at test
classifier  FinetuneConfig; one encoder with a head for each task: fit, predict
together    which tasks may share an encoder, and what each may train on then
protocols   evaluate(model, tasks, protocol, config) -> [Score]; save
"""

from tiny_audio_ssl.evaluation.finetuning.classifier import Classifier, FinetuneConfig, fit, predict
from tiny_audio_ssl.evaluation.finetuning.crops import LabelledPart
from tiny_audio_ssl.evaluation.finetuning.protocols import (
    PROTOCOLS,
    FinetuneProtocol,
    evaluate,
    save,
    total_steps,
)
from tiny_audio_ssl.evaluation.finetuning.together import compatible, training_parts

__all__ = [
    "PROTOCOLS",
    "Classifier",
    "FinetuneConfig",
    "FinetuneProtocol",
    "LabelledPart",
    "compatible",
    "evaluate",
    "fit",
    "predict",
    "save",
    "total_steps",
    "training_parts",
]
