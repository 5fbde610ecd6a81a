"""PRETEXTS: the self-supervised tasks by name. A task is imported when it is used.

To add one: write the task in a file in `tasks/`, its settings in a file of that name in `configs/`,
and name both in TASKS. The contract tests then run over it.
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

    task: str  # MODULE:CLASS in `tasks/`
    config: str  # MODULE:CLASS in `configs/`, which imports no PyTorch
    summary: str  # for the help text: what the task learns to tell
    combinable: bool = True  # with other tasks, by `combined`


TASKS = {
    "temporal-gap": TaskEntry(
        "temporal_gap:TemporalGap",
        "temporal_gap:TemporalGapConfig",
        "the gap in time between two slices of a recording",
    ),
    "audio2vec-cbow": TaskEntry(
        "audio2vec:Audio2VecCBoW",
        "audio2vec:Audio2VecConfig",
        "the middle slice from those around it",
    ),
    "audio2vec-skipgram": TaskEntry(
        "audio2vec:Audio2VecSkipGram",
        "audio2vec:Audio2VecConfig",
        "the slices around the middle one from it",
    ),
    "autoencoder": TaskEntry(
        "autoencoder:Autoencoder",
        "autoencoder:AutoencoderConfig",
        "a slice from its own embedding, the paper's baseline",
    ),
    "denoising-autoencoder": TaskEntry(
        "autoencoder:DenoisingAutoencoder",
        "autoencoder:DenoisingAutoencoderConfig",
        "a clean slice from the embedding of a noisy one",
    ),
    "triplet": TaskEntry(
        "triplet:Triplet",
        "triplet:TripletConfig",
        "slices of one recording nearer to each other than to others, the paper's baseline",
    ),
    "cola": TaskEntry(
        "cola:Cola",
        "cola:ColaConfig",
        "which slice of the batch comes from the same recording",
    ),
    "combined": TaskEntry(
        "combined:Combined",
        "combined:CombinedConfig",
        "several of the other tasks at once, weighted",
        combinable=False,
    ),
    "byol-a": TaskEntry(
        "byol_a:ByolA",
        "byol_a:ByolAConfig",
        "another augmented view of the same slice, as a moving average sees it",
    ),
    "lim": TaskEntry(
        "lim:Lim",
        "lim:LimConfig",
        "whether two chunks come from the same recording",
    ),
    "mix-back": TaskEntry(
        "mix_back:MixBack",
        "mix_back:MixBackConfig",
        "another augmented patch of the recording, with others in the background",
    ),
    "clar": TaskEntry(
        "clar:Clar",
        "clar:ClarConfig",
        "another distorted view of the recording, and its label if it has one",
    ),
    "multi-format": TaskEntry(
        "multi_format:MultiFormat",
        "multi_format:MultiFormatConfig",
        "which waveform belongs to a log-mel",
    ),
    "permutation": TaskEntry(
        "permutation:Permutation",
        "permutation:PermutationConfig",
        "the order of the shuffled patches of a slice",
    ),
    "cpc": TaskEntry(
        "cpc:Cpc",
        "cpc:CpcConfig",
        "later steps of a clip among others, from those before",
    ),
    "cpc2": TaskEntry(
        "cpc:Cpc2",
        "cpc:Cpc2Config",
        "later steps of a clip among others, from a distorted past",
    ),
    "wav2vec": TaskEntry(
        "wav2vec:Wav2vec",
        "wav2vec:Wav2vecConfig",
        "which steps come later in a clip, each on its own",
    ),
    "dapc": TaskEntry(
        "dapc:Dapc",
        "dapc:DapcConfig",
        "codes whose past tells their future, and masked parts from the rest",
    ),
    "mockingjay": TaskEntry(
        "masked:Mockingjay",
        "masked:MaskedConfig",
        "spans of frames that are masked, by a transformer",
    ),
    "audio-albert": TaskEntry(
        "masked:AudioAlbert",
        "masked:MaskedConfig",
        "spans of frames that are masked, by a transformer of one shared layer",
    ),
    "tera": TaskEntry(
        "masked:Tera",
        "masked:TeraConfig",
        "frames and bands that are masked, under noise, by a transformer",
    ),
    "distillation": TaskEntry(
        "distillation:Distillation",
        "distillation:DistillationConfig",
        "the embedding of a larger model (--pretext.teacher)",
        combinable=False,
    ),
    "vq-wav2vec": TaskEntry(
        "vq_wav2vec:VqWav2vec",
        "vq_wav2vec:VqWav2vecConfig",
        "as wav2vec, on steps that are quantized",
    ),
    "wav2vec2": TaskEntry(
        "wav2vec2:Wav2vec2",
        "wav2vec2:Wav2vec2Config",
        "the quantized step behind a mask, among other steps of the clip",
    ),
    "wav2vec-c": TaskEntry(
        "wav2vec2:Wav2vecC",
        "wav2vec2:Wav2vecCConfig",
        "as wav2vec2, with entries that the log-mel can be reconstructed from",
    ),
    "seqrq-ae": TaskEntry(
        "seqrq_ae:SeqRqAe",
        "seqrq_ae:SeqRqAeConfig",
        "the log-mel from the entries of segments, runs of steps with the same entry",
    ),
    "speech-enhancement": TaskEntry(
        "enhancement:SpeechEnhancement",
        "enhancement:SpeechEnhancementConfig",
        "a clean sound from itself with noise",
    ),
    "pseudo-se": TaskEntry(
        "pseudo_se:PseudoSe",
        "enhancement:PseudoSeConfig",
        "a noisy recording from itself with more noise",
    ),
    "contrastive-mixtures": TaskEntry(
        "pseudo_se:ContrastiveMixtures",
        "enhancement:ContrastiveMixturesConfig",
        "as pseudo-se, on pairs of mixtures that share recording or noise",
    ),
    "segmental-snr": TaskEntry(
        "segmental_snr:SegmentalSnr",
        "enhancement:NoiseConfig",
        "how noisy each part of a recording is",
    ),
    "separation": TaskEntry(
        "separation:Separation",
        "separation:SeparationConfig",
        "the two recordings of a mixture",
    ),
    "mixit": TaskEntry(
        "separation:MixIt",
        "separation:MixItConfig",
        "sounds that add up to the two recordings of a mixture",
    ),
    "hubert": TaskEntry(
        "hubert:Hubert",
        "hubert:HubertConfig",
        "the clusters of masked steps, of MFCC or of another run (--pretext.targets)",
    ),
    "spice": TaskEntry(
        "spice:Spice",
        "spice:SpiceConfig",
        "the pitch, by how far a spectrum of logarithmic frequencies was shifted",
        combinable=False,
    ),
    "cae-mae": TaskEntry(
        "cae_mae:CaeMae",
        "cae_mae:CaeMaeConfig",
        "latent maps of clean sound from mixtures, without pairs of both",
    ),
    "cdpam": TaskEntry(
        "cdpam:Cdpam",
        "cdpam:CdpamConfig",
        "how a recording is distorted, apart from what is in it",
    ),
    "analysis-by-synthesis": TaskEntry(
        "articulation:AnalysisBySynthesis",
        "articulation:ArticulationConfig",
        "the parameters of a vocal tract that would sound like the recording",
    ),
    "pase": TaskEntry(
        "pase:Pase",
        "pase:PaseConfig",
        "many small tasks at once: spectrum, MFCC, prosody, the order of steps",
    ),
    "pase-plus": TaskEntry(
        "pase:PasePlus",
        "pase:PasePlusConfig",
        "as pase, with more of these tasks, on distorted clips",
    ),
    "speech2vec-cbow": TaskEntry(
        "speech2vec:Speech2VecCBoW",
        "speech2vec:Speech2VecConfig",
        "a spoken word from those around it (column words)",
        combinable=False,
    ),
    "speech2vec-skipgram": TaskEntry(
        "speech2vec:Speech2VecSkipGram",
        "speech2vec:Speech2VecConfig",
        "the words around a spoken word from it (column words)",
        combinable=False,
    ),
    "wav2vec-u": TaskEntry(
        "wav2vec_u:Wav2vecU",
        "wav2vec_u:Wav2vecUConfig",
        "phones that look like those of a text (experimental; --pretext.text)",
        combinable=False,
    ),
}


def config_class(name: str) -> type[PretextConfig]:
    """Return the settings of the task of that name, without importing PyTorch.

    Raises `UserError` that lists the known tasks.
    """
    return cast("type[PretextConfig]", _imported("configs", _entry(name).config))


def pretext_class(name: str) -> type[Pretext]:
    """Return the task of that name. Raises `UserError` that lists the known tasks."""
    return cast("type[Pretext]", _imported("tasks", _entry(name).task))


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


def _imported(folder: str, path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(f"tiny_audio_ssl.pretext.{folder}.{module}"), attribute)
