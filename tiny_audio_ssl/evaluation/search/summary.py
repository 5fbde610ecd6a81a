"""Summarize a search: a table of its trials, its answer, and the command to type next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from rich.table import Table

from tiny_audio_ssl.evaluation.search.search import TRIALS, SearchConfig
from tiny_audio_ssl.evaluation.search.trials import Figure, Trial, best
from tiny_audio_ssl.pretext.configs.weights import format_weights


def trial_line(trial: Trial) -> str:
    """Return one line about a finished trial."""
    weights = " ".join(format_weights(trial.weights))
    return f"trial {trial.number}: {weights}: {_formatted(trial.validation)} {trial.note}"


def trial_table(trials: Sequence[Trial], tasks: Sequence[str], narrow: bool = False) -> Table:
    """Return a row for each trial: weights, validation and test accuracy; unless `narrow`, also
    steps and seconds."""
    table = Table(caption="accuracy of a linear probe, with its 95 % interval")
    costs = () if narrow else ("steps", "s")
    for name in ("trial", *tasks, *costs, "validation", "test"):
        table.add_column(name, justify="right")
    for trial in trials:
        weights = (f"{trial.weights[task]:g}" if task in trial.weights else "" for task in tasks)
        cost = () if narrow else (str(trial.steps), f"{trial.train_s:.0f}")
        figures = (_formatted(trial.validation), _formatted(trial.test))
        table.add_row(str(trial.number), *weights, *cost, *figures)
    return table


def answer(trials: Sequence[Trial], config: SearchConfig, folder: Path) -> str:
    """Say whether combining tasks is worth it, and how to train with the best weights."""
    chosen = best(trials)
    if chosen is None:
        return "no trial has finished; the notes in trials.csv say why"
    alone = best([trial for trial in trials if len(trial.weights) == 1])
    together = best([trial for trial in trials if len(trial.weights) > 1])
    compared = [
        f"best {kind}: {' '.join(format_weights(trial.weights))}: test {_formatted(trial.test)}"
        for kind, trial in (("single task", alone), ("combination", together))
        if trial
    ]
    run = folder / TRIALS / f"{chosen.number:03d}"
    return "\n".join(
        [
            *compared,
            f"trial {chosen.number} has the best validation accuracy; its encoder is in {run}",
            f"to train it again, or with more --steps: {pretrain_command(config, chosen)}",
        ]
    )


def pretrain_command(config: SearchConfig, trial: Trial) -> str:
    """Return the `pretrain` command line that trains with the weights of a trial."""
    words = ["tiny-audio-ssl", "pretrain", config.source, "--task", "combined"]
    words += ["--pretext.weights", *format_weights(trial.weights)]
    if config.slice_ms is not None:
        words += ["--pretext.slice-ms", f"{config.slice_ms:g}"]
    parts = (("", config.training), ("encoder.", config.encoder), ("frontend.", config.frontend))
    words += [word for prefix, part in parts for word in _changed(prefix, part)]
    return shlex.join([*words, "--out", "runs/combined"])


def _changed(prefix: str, part: Any) -> Iterator[str]:
    """Yield the options that differ from their defaults."""
    for name in (f.name for f in fields(part)):
        value, option = getattr(part, name), name.replace("_", "-")
        if value == getattr(type(part)(), name):
            continue
        if isinstance(value, bool):
            yield f"--{prefix}{'' if value else 'no-'}{option}"
        else:
            yield from (f"--{prefix}{option}", str(value))


def _formatted(figure: Figure | None) -> str:
    if figure is None:
        return "stopped"
    return f"{figure.accuracy:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
