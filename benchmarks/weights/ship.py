"""Turn a finished run into a model that the package ships: float16 weights, a card, credits.

python benchmarks/weights/ship.py RUN --name small --corpus CORPUS/manifest.csv \
    --teachers mn04_as speech_embedding --probes benchmarks/results/quality.csv \
    --embeddings "small" "small, full readout" --command "..."

writes tiny_audio_ssl/weights/small. The same input gives the same bytes.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import corpus_credits
import probe_scores
import tyro

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.model_card import table
from tiny_audio_ssl.export.model_folder import write_model_folder
from tiny_audio_ssl.models.encoder_config import ReadoutPart
from tiny_audio_ssl.models.names import WEIGHTS

TEACHERS = Path(__file__).with_name("teachers.toml")
LICENSE = "apache-2.0"


@dataclass
class Ship:
    """Options of the command."""

    run: Annotated[str, tyro.conf.Positional]
    """Finished run, or one of its checkpoints."""
    name: str
    """Name of the model."""
    corpus: Path
    """manifest.csv of the corpus that the run was trained on."""
    teachers: tuple[str, ...] = ()
    """Teachers that it learned from, by their names in teachers.toml."""
    probes: Path | None = None
    """CSV file with the columns embedding, task and accuracy."""
    embeddings: tuple[str, ...] = ()
    """Names of the model's embeddings in --probes, the one with its default readout first."""
    command: tuple[str, ...] = ()
    """Commands that made the run, for the card."""
    readout: tuple[ReadoutPart, ...] = ()
    """Parts of the embedding. Default: those of the run."""
    weights: Path = WEIGHTS
    """Folder in which the model's folder is made."""


def main(ship: Ship) -> None:
    if bool(ship.probes) != bool(ship.embeddings):
        raise UserError("--probes and --embeddings go together: a table, and the names in it")
    teachers = _teachers(ship.teachers)
    rows = corpus_credits.read(ship.corpus)
    facts: dict[str, Any] = {
        "teachers": [teacher["name"] for teacher in teachers],
        "corpus": corpus_credits.facts(ship.corpus, rows),
    }
    sections = [_teacher_section(teachers)] if teachers else []
    sections.append(corpus_credits.section(rows))
    if ship.probes:
        scores = probe_scores.read(ship.probes, ship.embeddings)
        facts["probe_means"] = probe_scores.facts(scores)
        sections.append(probe_scores.section(scores))
    if ship.command:
        facts["commands"] = list(ship.command)
        commands = "\n".join(ship.command)
        sections.append(f"## How it was made\n\n```\n{commands}\n```")
    files = {"NOTICE": _notice(ship.name, teachers, rows)}
    out = ship.weights / ship.name
    snr_db = write_model_folder(
        ship.run, out, ship.name, LICENSE, facts, sections, files, ship.readout
    )
    kilobytes = sum(file.stat().st_size for file in out.iterdir()) / 1000
    print(f"{out}: {kilobytes:.0f} kB; float16 weights give {snr_db:.1f} dB of signal to noise")


def _teachers(names: tuple[str, ...]) -> list[dict[str, str]]:
    known = tomllib.loads(TEACHERS.read_text(encoding="utf-8"))
    if unknown := sorted(set(names) - set(known)):
        raise UserError(
            f"--teachers {' '.join(unknown)}: not in {TEACHERS.name}, which has {', '.join(known)}"
        )
    return [known[name] for name in names]


def _teacher_section(teachers: list[dict[str, str]]) -> str:
    lines = [[t["name"], t["teaches"], t["license"], t["authors"], t["source"]] for t in teachers]
    return "## Teachers\n\n" + table(("model", "teaches", "license", "authors", "source"), lines)


def _notice(name: str, teachers: list[dict[str, str]], rows: list[corpus_credits.Row]) -> str:
    credited = [
        f"{t['name']}\n  Copyright (c) {t['authors']}; license: {t['license']}\n  {t['source']}"
        for t in teachers
    ]
    parts = [
        f"{name}: weights of an audio encoder, made with tiny-audio-ssl\n"
        "Licensed under the Apache License, Version 2.0",
        *(["Teachers, whose outputs it learned to predict:", *credited] if credited else []),
        "Recordings that it learned from, by source, license and author:",
        corpus_credits.notice(rows),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    try:
        main(tyro.cli(Ship, description=__doc__))
    except UserError as error:
        sys.exit(f"error: {error}")
