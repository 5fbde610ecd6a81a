"""probe-speech: score frame features by how well they tell the phones or words of speech apart."""

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
    """Score frame features by how well they tell the phones or words of speech apart.

    ABX error: how often a phone is nearer to another phone than to itself (chance 0.5). PNMI: the
    share of the phones' entropy that clusters of the frames explain. With --words, same-different
    precision: how well the similarity of two words, measured on their mean frames, shows whether
    they are the same word. Each run is compared with the same encoder with random weights, with
    log-mel and with MFCC.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Runs, checkpoints, or model names."""
    items: Path | None = None
    """An .item file in the format of the ZeroSpeech challenges: file, onset, offset, phone,
    previous phone, next phone, speaker."""
    words: bool = False
    """Measure the same-different precision of words: the .item file lists words in place of phones.
    """
    audio: Path | None = None
    """Folder with the recordings that the .item file names. Default: the folder of that file."""
    model: tuple[str, ...] = ()
    """Other models to compare with: hear:package.module (a module with the HEAR API and timestamp
    embeddings), random:RUN, logmel, mfcc."""
    weights: tuple[str, ...] = ()
    """Weights for each hear: model, in the same order. Default: none for all."""
    readout: tuple[str, ...] = ()
    """Parts of the runs' embeddings: last, middle, mel. Default: those of each checkpoint."""
    hop_ms: float = 10.0
    """Time from one frame to the next; phones are as short as 30 ms."""
    window_ms: float | None = None
    """Length of the sound from which a frame of a run is computed. Default: the slice length that
    its encoder was trained on."""
    speakers: tuple[Literal["within", "across"], ...] = ("within", "across")
    """Speakers of the compared phones. `within`: one speaker; `across`: two."""
    context: Literal["within", "any"] = "within"
    """Context of the compared phones. `within`: the same neighbors; `any`: any neighbors."""
    max_items: int = 10
    """Maximum number of examples of a phone per speaker that are compared with one another."""
    units: int = 50
    """Number of clusters for PNMI. PNMI rises with it, so compare only results with the same
    number."""
    seed: int = 0
    """Random seed for the choice of examples and for the clusters."""
    baselines: bool = True
    """Also score random weights, log-mel and MFCC."""
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
