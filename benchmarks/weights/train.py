"""Train an encoder that comes with the package, `tiny` or `small`, or a shorter ablation of one.

PYTHONPATH=benchmarks/peers python benchmarks/weights/train.py small CORPUS/windows.csv \\
    --mn04 mn04_as.safetensors --out runs/small

The shipped encoders were trained on `python benchmarks/corpus CORPUS --tier permissive --windows
90000 --folders free_speech free_sounds`. A run that is there already is continued. Targets are
computed once, and shared by all runs on the same corpus, whatever their seed: about half an hour on
one core. Needs the extra `peers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from tiny_audio_ssl.models.encoder_config import PARTS, EncoderConfig
from tiny_audio_ssl.pretext.configs.distillation import DistillationConfig
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig

WIDTHS = {"tiny": 1.0, "small": 1.35}
NOISE = {"tiny": 0.0, "small": 0.25}
BATCH_SIZE = 128
TEACHERS = ("mn04_targets", "openwakeword_embedding", "resemblyzer_embedding")
IMPORTANCE = {
    "mn04_targets": 2.0,
    "openwakeword_embedding": 0.5,
    "resemblyzer_embedding": 0.25,
    "swiftf0_targets": 0.1,
}
OF_SPEECH = ("resemblyzer_embedding",)


@dataclass(frozen=True)
class Train:
    """The settings that the shipped encoders were trained with are the defaults."""

    size: Annotated[Literal["tiny", "small"], tyro.conf.Positional]
    windows: Annotated[Path, tyro.conf.Positional]
    """Windows of 0.975 s, as `benchmarks/corpus` lists them."""
    mn04: Path
    """Weights of EfficientAT's mn04_as as safetensors."""
    out: Path
    """Folder of the run."""
    passes: float = 40
    """How often each view is trained on."""
    views: int = 2
    """Views of each window."""
    teachers: tuple[str, ...] = TEACHERS
    """Modules of the teachers."""
    mix: float = 0.5
    """Share of the views that are mixed with another window."""
    band_limited: float = 0.15
    """Share of the views without anything above 4 kHz."""
    level_db: float = 15.0
    """Largest change of a view's level in a step, up or down."""
    noise: float | None = None
    """Share of the views to which noise is added in a step, at 10 to 40 dB. Default: 0.25 for
    small, and 0 for tiny, which is too small for it: its mean accuracy on clean sound falls by
    0.01, that of small by 0.002."""
    hidden: int = 1024
    """Hidden size of the head that predicts the teachers' embeddings; 0 for a linear map, which
    leaves the encoder's last layer less accurate by 0.016 after a fifth of the passes."""
    body: Literal["dense", "mobile", "separable"] = "dense"
    """Architecture of the encoder."""
    seed: int = 0
    cache_dir: Path | None = None
    """Folder for decoded audio and targets."""


def main(train: Train) -> None:
    if (train.out / "last").exists():
        runs.resume(train.out, cache_dir=train.cache_dir)
        return
    runs.pretrain(train.windows, train.out, configuration(train), cache_dir=train.cache_dir)


def configuration(train: Train) -> PretrainConfig:
    """Return the settings of a run."""
    paths = {"mn04_targets": str(train.mn04)}
    pretext = DistillationConfig(
        teacher=train.teachers,
        weights=tuple(paths.get(name, "-") for name in train.teachers),
        importance=tuple(IMPORTANCE[name] for name in train.teachers),
        speech_teacher=tuple(name for name in OF_SPEECH if name in train.teachers),
        hidden=train.hidden,
        views=train.views,
        views_seed=0,  # with held_out_seed: all seeds of the training share their targets
        mix=train.mix,
        band_limited=train.band_limited,
        level_db=train.level_db,
        noise=NOISE[train.size] if train.noise is None else train.noise,
    )
    with train.windows.open(encoding="utf-8") as file:
        count = sum(1 for _ in file) - 1
    steps = round(train.passes * train.views * count / BATCH_SIZE)
    training = TrainingConfig(
        steps=steps,
        batch_size=BATCH_SIZE,
        learning_rate=3e-3,
        warmup_steps=steps // 10,
        gradient_clip=5.0,
        average=0.999,
        held_out=0.01,
        held_out_seed=0,
        seed=train.seed,
        log_every=100,
        validate_every=1000,
        checkpoint_every=1000,
    )
    encoder = EncoderConfig(
        train.body,
        width=WIDTHS[train.size],
        # What the embedding consists of was chosen by benchmarks/readout.py, after training.
        readout=PARTS,
        middle_scale="log",
        middle_dct=8,
        mel_dct=24,
    )
    return PretrainConfig("distillation", pretext, encoder, training=training)


if __name__ == "__main__":
    main(tyro.cli(Train, description=__doc__))
