"""Render the page: one HTML file that makes no network request."""

from __future__ import annotations

import base64
import hashlib
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import torch
from markupsafe import Markup

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.report import charts
from tiny_audio_ssl.report.artifacts import tabulate_artifacts
from tiny_audio_ssl.report.enhanced import BeforeAfter
from tiny_audio_ssl.report.listening import KILOBITS_PER_S, Sounds
from tiny_audio_ssl.report.pictures import Picture
from tiny_audio_ssl.report.runs import Run
from tiny_audio_ssl.report.table import ResultTable, recoveries, tabulate
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.ownership import check_target, has_mark, mark
from tiny_audio_ssl.utils.text import size_in_words
from tiny_audio_ssl.version import __version__

GENERATOR = f'<meta name="generator" content="{mark("report")}">'


@dataclass(frozen=True)
class Content:
    """Content of a page. All of it may be empty; the page then says what is missing."""

    runs: Sequence[Run] = ()
    scores: Sequence[Score] = ()
    pictures: Sequence[Picture] = ()
    sounds: Sounds = field(default_factory=lambda: Sounds(0.0, 0))
    command: str = ""  # command line that made the page
    enhanced: Mapping[str, Sequence[BeforeAfter]] = field(default_factory=dict)  # by run


def check_out(target: Path, inputs: Iterable[str | Path] = ()) -> None:
    """Raise `UserError` if `target` is one of the inputs, or an existing file other than a
    report."""
    check_target(target, has_mark(GENERATOR), inputs)


def write(target: Path, content: Content) -> None:
    """Write the page, whole or not at all.

    Raises `UserError`: what `check_out` raises; `target` can't be written.
    """
    check_out(target)
    text = render(content)
    with atomic_file(target) as work:
        work.write_text(text, encoding="utf-8", errors="replace")


def render(content: Content) -> str:
    """Return the page as text."""
    # Names and labels come from files: everything is escaped, and only our own script may run.
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    script = _part("page.js")
    results = tabulate(content.scores)
    encoders = {run.name: run.encoder for run in content.runs}
    recovery, recovery_missing = recoveries(results, content.scores, encoders)
    return environment.from_string(_part("page.html")).render(
        generator=Markup(GENERATOR),
        title=_title(content),
        headline=_headline(results),
        style=_part("page.css"),
        script=script,
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        results=results,
        recovery=recovery,
        recovery_missing=recovery_missing,
        artifacts=tabulate_artifacts({run.name: run.exported for run in content.runs}),
        has_maps=bool(content.pictures),
        sounds_note=_sounds_note(content.sounds),
        enhanced=content.enhanced,
        learning=charts.learning(content.runs),
        runs=content.runs,
        about_page=_about_page(content),
        data={
            "maps": [asdict(picture) for picture in content.pictures],
            "sounds": content.sounds.encoded,
            "mistakes": [_mistakes(score) for score in content.scores],
        },
    )


def _part(name: str) -> str:
    return resources.files("tiny_audio_ssl.report").joinpath(name).read_text(encoding="utf-8")


def _title(content: Content) -> str:
    names = [run.name for run in content.runs]
    if not names:
        return "Results of probes"
    return ", ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} other runs"


def _headline(results: ResultTable) -> str:
    """Name the best method on average by the first protocol, and the baselines."""
    if not results.tasks:
        return ""
    protocol, indices = results.protocols[0]
    there = [
        (results.average.cells[i].value, results.methods[i])
        for i in indices
        if not results.average.cells[i].missing
    ]
    if len(there) < 2:
        return ""
    value, best = max(there, key=lambda pair: pair[0])
    where = results.tasks[0].name if len(results.tasks) == 1 else f"{len(results.tasks)} tasks"
    equal = [method.model for found, method in there if f"{found:.3f}" == f"{value:.3f}"]
    if len(equal) > 1:
        names = f"{', '.join(equal[:-1])} and {equal[-1]}"
        return f"{where}, {protocol}: {names} are best, each with a mean accuracy of {value:.3f}."
    text = f"{where}, {protocol}: best is {best.model} with a mean accuracy of {value:.3f}"
    random = [found for found, method in there if method.is_random]
    logmel = [found for found, method in there if method.model == "log-mel statistics"]
    if random:
        text += f"; random weights reach {max(random):.3f}"
    if logmel:
        text += f"; log-mel statistics {max(logmel):.3f}"
    return f"{text}."


def _mistakes(score: Score) -> dict[str, Any]:
    return {
        "task": score.task,
        "method": f"{score.model}, {score.protocol}",
        "classes": score.classes,
        "counts": score.confusion().tolist(),
        "per_class": [
            {
                k: None if isinstance(v, float) and math.isnan(v) else v
                for k, v in asdict(one).items()
            }
            for one in score.per_class()
        ],
    }


def _sounds_note(sounds: Sounds) -> str:
    if not sounds.encoded:
        return "This page has no sounds."
    parts = f"{len(sounds.encoded) - sounds.cut:,} whole recordings"
    if sounds.cut:
        parts += f", and the loudest {sounds.seconds:.1f} s of {sounds.cut} longer ones"
    note = (
        f"This page has {len(sounds.encoded):,} sounds, {size_in_words(sounds.bytes)} as MP3 of "
        f"{KILOBITS_PER_S} kbit/s at 16 kHz: {parts}. Embeddings are of whole recordings."
    )
    if sounds.left_out:
        limit = sounds.limit_bytes / 1e6
        note += f" Left out to stay below {limit:g} MB: {sounds.left_out:,}."
    return note


def _about_page(content: Content) -> list[tuple[str, str]]:
    return [
        ("made by", content.command or "tiny_audio_ssl.report"),
        ("at", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("on", f"{device_name()}, {os.cpu_count()} cores, {platform.system()}"),
        ("with", f"tiny-audio-ssl {__version__}, torch {torch.__version__}"),
    ]
