"""PRETEXTS: the self-supervised tasks by name. A task is imported when it is used.

To add one: write the task in a file, its settings in a file of that name in `configs/`, and name
both in TASKS. The contract tests then run over it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from tiny_audio_ssl.errors import UserError

if TYPE_CHECKING:
    from tiny_audio_ssl.pretext.base import Pretext
    from tiny_audio_ssl.pretext.configs.base import PretextConfig


@dataclass(frozen=True)
class TaskEntry:
    """A task before it is imported."""

    task: str  # MODULE:CLASS within this package
    config: str  # MODULE:CLASS within this package; imports no PyTorch
    summary: str  # for the help text: what the task learns to tell
    combinable: bool = True  # with other tasks, by `combined`


TASKS = {
    "temporal-gap": TaskEntry(
        "temporal_gap:TemporalGap",
        "configs.temporal_gap:TemporalGapConfig",
        "the gap in time between two slices of a recording",
    ),
    "audio2vec-cbow": TaskEntry(
        "audio2vec:Audio2VecCBoW",
        "configs.audio2vec:Audio2VecConfig",
        "the middle slice from those around it",
    ),
    "audio2vec-skipgram": TaskEntry(
        "audio2vec:Audio2VecSkipGram",
        "configs.audio2vec:Audio2VecConfig",
        "the slices around the middle one from it",
    ),
    "autoencoder": TaskEntry(
        "autoencoder:Autoencoder",
        "configs.autoencoder:AutoencoderConfig",
        "a slice from its own embedding, the paper's baseline",
    ),
    "denoising-autoencoder": TaskEntry(
        "autoencoder:DenoisingAutoencoder",
        "configs.autoencoder:DenoisingAutoencoderConfig",
        "a clean slice from the embedding of a noisy one",
    ),
    "triplet": TaskEntry(
        "triplet:Triplet",
        "configs.triplet:TripletConfig",
        "slices of one recording nearer to each other than to others, the paper's baseline",
    ),
    "cola": TaskEntry(
        "cola:Cola",
        "configs.cola:ColaConfig",
        "which slice of the batch comes from the same recording",
    ),
    "combined": TaskEntry(
        "combined:Combined",
        "configs.combined:CombinedConfig",
        "several of the other tasks at once, weighted",
        combinable=False,
    ),
    "byol-a": TaskEntry(
        "byol_a:ByolA",
        "configs.byol_a:ByolAConfig",
        "another augmented view of the same slice, as a moving average sees it",
    ),
    "lim": TaskEntry(
        "lim:Lim",
        "configs.lim:LimConfig",
        "whether two chunks come from the same recording",
    ),
    "mix-back": TaskEntry(
        "mix_back:MixBack",
        "configs.mix_back:MixBackConfig",
        "another augmented patch of the recording, with others in the background",
    ),
    "clar": TaskEntry(
        "clar:Clar",
        "configs.clar:ClarConfig",
        "another distorted view of the recording, and its label if it has one",
    ),
    "multi-format": TaskEntry(
        "multi_format:MultiFormat",
        "configs.multi_format:MultiFormatConfig",
        "which waveform belongs to a log-mel",
    ),
    "permutation": TaskEntry(
        "permutation:Permutation",
        "configs.permutation:PermutationConfig",
        "the order of the shuffled patches of a slice",
    ),
    "cpc": TaskEntry(
        "cpc:Cpc",
        "configs.cpc:CpcConfig",
        "later steps of a clip among others, from those before",
    ),
    "cpc2": TaskEntry(
        "cpc:Cpc2",
        "configs.cpc:Cpc2Config",
        "later steps of a clip among others, from a distorted past",
    ),
    "wav2vec": TaskEntry(
        "wav2vec:Wav2vec",
        "configs.wav2vec:Wav2vecConfig",
        "which steps come later in a clip, each on its own",
    ),
    "dapc": TaskEntry(
        "dapc:Dapc",
        "configs.dapc:DapcConfig",
        "codes whose past tells their future, and masked parts from the rest",
    ),
    "mockingjay": TaskEntry(
        "masked:Mockingjay",
        "configs.masked:MaskedConfig",
        "spans of frames that are masked, by a transformer",
    ),
    "audio-albert": TaskEntry(
        "masked:AudioAlbert",
        "configs.masked:MaskedConfig",
        "spans of frames that are masked, by a transformer of one shared layer",
    ),
    "tera": TaskEntry(
        "masked:Tera",
        "configs.masked:TeraConfig",
        "frames and bands that are masked, under noise, by a transformer",
    ),
    "distillation": TaskEntry(
        "distillation:Distillation",
        "configs.distillation:DistillationConfig",
        "the embedding of a larger model (--pretext.teacher)",
        combinable=False,
    ),
    "vq-wav2vec": TaskEntry(
        "vq_wav2vec:VqWav2vec",
        "configs.vq_wav2vec:VqWav2vecConfig",
        "as wav2vec, on steps that are quantized",
    ),
    "wav2vec2": TaskEntry(
        "wav2vec2:Wav2vec2",
        "configs.wav2vec2:Wav2vec2Config",
        "the quantized step behind a mask, among other steps of the clip",
    ),
    "wav2vec-c": TaskEntry(
        "wav2vec2:Wav2vecC",
        "configs.wav2vec2:Wav2vecCConfig",
        "as wav2vec2, with entries that the log-mel can be reconstructed from",
    ),
    "seqrq-ae": TaskEntry(
        "seqrq_ae:SeqRqAe",
        "configs.seqrq_ae:SeqRqAeConfig",
        "the log-mel from the entries of segments, runs of steps with the same entry",
    ),
    "hubert": TaskEntry(
        "hubert:Hubert",
        "configs.hubert:HubertConfig",
        "the clusters of masked steps, of MFCC or of another run (--pretext.targets)",
    ),
}


def config_class(name: str) -> type[PretextConfig]:
    """Return the settings of the task of that name, without importing PyTorch.

    Raises `UserError` that lists the known tasks.
    """
    return cast("type[PretextConfig]", _imported(_entry(name).config))


def pretext_class(name: str) -> type[Pretext]:
    """Return the task of that name. Raises `UserError` that lists the known tasks."""
    return cast("type[Pretext]", _imported(_entry(name).task))


class _Pretexts(Mapping[str, "type[Pretext]"]):
    """Every task by its name; each is imported when it is looked up."""

    def __getitem__(self, name: str) -> type[Pretext]:
        if name not in TASKS:
            raise KeyError(name)
        return pretext_class(name)

    def __iter__(self) -> Iterator[str]:
        return iter(TASKS)

    def __len__(self) -> int:
        return len(TASKS)


PRETEXTS: Mapping[str, type[Pretext]] = _Pretexts()


def _entry(name: str) -> TaskEntry:
    if name not in TASKS:
        raise UserError(f"pretext task {name!r} is not known; choose from {', '.join(TASKS)}")
    return TASKS[name]


def _imported(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(f"tiny_audio_ssl.pretext.{module}"), attribute)
