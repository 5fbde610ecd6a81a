"""probe-speech: score frame features by how well they tell phones or words of speech apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from tiny_audio_ssl.commands.base import Command, out, progress
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.ranges import COUNT, DURATION_MS, SEED, Range, check_numbers


@dataclass
class ProbeSpeech(Command):
    """Score frame features by how well they tell phones or words of speech apart.

    ABX error: how often a phone is nearer to another phone than to itself (chance 0.5). PNMI: the
    share of the phones' entropy that clusters of the frames explain. With --words, same-different
    precision: how well the nearness of two words, by the means of their frames, tells whether they
    are the same word. Each run is compared with the
    same encoder with random weights, log-mel and MFCC.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Runs, checkpoints, or models by their names."""
    items: Path | None = None
    """The .item file of a ZeroSpeech challenge, or one in its form: file, onset, offset, phone, the
    phones around it, speaker."""
    words: bool = False
    """The .item file lists words in place of phones; measure their same-different precision."""
    audio: Path | None = None
    """Folder with the recordings that the .item file names. Default: the folder of that file."""
    model: tuple[str, ...] = ()
    """Other models to compare with: hear:package.module (a module with the HEAR API and timestamp
    embeddings), random:RUN, logmel, mfcc."""
    weights: tuple[str, ...] = ()
    """Weights for each hear: model, in the same order; without them, the models load none."""
    readout: tuple[str, ...] = ()
    """Parts that make up the embeddings of the runs: last, middle, mel; if not given, those of each
    checkpoint."""
    hop_ms: float = 10.0
    """Time from one frame to the next; phones are as short as 30 ms."""
    window_ms: float | None = None
    """Length of the sound that a frame of a run is computed from. Default: that of the slices that
    its encoder was trained on."""
    speakers: tuple[Literal["within", "across"], ...] = ("within", "across")
    """Whether what is compared is all of one speaker, or of two."""
    context: Literal["within", "any"] = "within"
    """`within`: compare phones between the same neighbors only; `any`: whatever is around them."""
    max_items: int = 10
    """Most examples of a phone by one speaker that are compared with one another."""
    units: int = 50
    """Number of clusters for PNMI, which rises with it: compare equal numbers only."""
    seed: int = 0
    """Random seed of the choice of examples and of the clusters."""
    baselines: bool = True
    """Score random weights, log-mel and MFCC too."""
    cache_dir: Path | None = None
    """Folder for decoded audio."""
    json: bool = False
    """Print the results as JSON."""

    def __post_init__(self) -> None:
        check_numbers(
            self, hop_ms=DURATION_MS, window_ms=DURATION_MS, max_items=COUNT,
            units=Range(2, COUNT.high, whole=True), seed=SEED,
        )  # fmt: skip

    def run(self) -> int:
        from tiny_audio_ssl.evaluation.speech import measure
        from tiny_audio_ssl.evaluation.speech.abx import AbxConfig
        from tiny_audio_ssl.evaluation.speech.frame_models import open_frame_models

        example = "tiny-audio-ssl probe-speech RUN --items phones.item --audio FOLDER"
        if self.items is None:
            raise UserError(f"no phones given: --items names an .item file; e.g. {example}")
        if not self.runs and not self.model:
            raise UserError(f"no run given; e.g. {example}")
        models = open_frame_models(
            self.runs, self.model, self.weights, self.readout, self.window_ms, self.baselines
        )
        phones = measure.open_phones(self.items, self.audio, self.cache_dir)
        config = AbxConfig(context=self.context, max_items=self.max_items, seed=self.seed)
        with progress("probing", len(models) * len(phones.recordings)) as done:
            if self.words:
                of_words = [
                    measure.score_words(model, phones, self.hop_ms, self.speakers, done)
                    for model in models
                ]
                found, table = [one.summary() for one in of_words], measure.word_table(of_words)
            else:
                scores = [
                    measure.score_phones(
                        model, phones, self.hop_ms, self.speakers, config, self.units, done
                    )
                    for model in models
                ]
                found, table = [one.summary() for one in scores], measure.phone_table(scores)
        if self.json:
            print(json.dumps(found))
        else:
            out.print(table)
        return 0
