"""MODEL_CARD.md: what the artifacts are, from what, how good, how far from the model, for what."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoders import multiply_adds
from tiny_audio_ssl.utils.files import atomic_file

if TYPE_CHECKING:  # it imports this package
    from tiny_audio_ssl.bench.rows import Row

MODEL_CARD = "MODEL_CARD.md"
NOT_STATED = "not stated"
REFERENCES = ("random weights", "log-mel statistics", "log-mel statistics, all four")
LIMITS = """\
- Learned from the recordings above alone; sounds unlike them may be told apart less well.
- An embedding is of {window_ms:g} ms of sound; what happens over longer times is not in it.
- Embeddings of other weights, or of another readout, can't be compared with these.
- Scores of a head mean its labels only: a sound that is none of them gets one of them all the same.
- Voices can be told apart by an embedding; treat it as personal data where recordings would be.
- What is not fp32 differs from it by the SNR above: check your task on the form that you ship."""


@dataclass(frozen=True)
class Card:
    """What a model card says beyond what the run and the artifacts tell."""

    licence: str = NOT_STATED
    """Of the weights, such as apache-2.0; whose it is depends on the recordings, too."""
    scores: tuple[Score, ...] = ()
    """Of this model, and of others to compare it with."""
    latency: bool = False
    """Time the artifacts on this machine."""

    def write(self, folder: Path, loaded: Checkpoint, content: dict[str, Any]) -> Path:
        """Write the card beside the artifacts and the manifest (`content`) in `folder`."""
        timed = _timed(folder) if self.latency else []
        with atomic_file(folder / MODEL_CARD) as work:
            work.write_text(self._text(loaded, content, timed), encoding="utf-8")
        return folder / MODEL_CARD

    def _text(self, loaded: Checkpoint, content: dict[str, Any], timed: Sequence[Row]) -> str:
        task = content["checkpoint"]["task"] or NOT_STATED
        parts = [
            _header(self.licence, content),
            f"# Audio embeddings by {task}, encoder {content['encoder']['name']}",
            f"A sound of {content['window_ms']:g} ms (16 kHz, mono) becomes {_many(content)}. "
            "Learned without labels by tiny-audio-ssl; `manifest.json` says what each artifact "
            "takes and gives, `tiny-audio-ssl verify` checks them.",
            "## Training\n\n" + _table(("", ""), _training(loaded, content)),
            "## Artifacts\n\n" + _artifacts(content),
            *_heads(content),
            *_scores(self.scores),
            *_latencies(timed),
            "## Limits\n\n" + LIMITS.format(**content),
            f"## Licence\n\n{self.licence}",
        ]
        return "\n\n".join(parts) + "\n"


def scores_of(found: Sequence[Score], run: Path) -> tuple[Score, ...]:
    """Those of a run, now called by its folder's name, and of what is no run (random weights,
    log-mel statistics): a card goes public, one's folders do not.

    Raises `UserError` when none is of the run: models are called by the path they were given by.
    """
    own = {s.model for s in found if Path(s.model).absolute() == run.absolute()}
    if not own:
        models = ", ".join(dict.fromkeys(score.model for score in found))
        raise UserError(f"--probes: no result of {run} in it, but of {models}")
    names = dict.fromkeys(own, run.absolute().name)
    names |= {name: name for name in REFERENCES}
    return tuple(replace(s, model=names[s.model]) for s in found if s.model in names)


def _header(licence: str, content: dict[str, Any]) -> str:
    """What model hubs read; `unknown` is their word for a licence that is not stated."""
    named = licence if licence != NOT_STATED else "unknown"
    formats = dict.fromkeys(artifact["format"] for artifact in content["artifacts"])
    tags = ["audio", "self-supervised", "on-device", *formats]
    lines = [f"license: {json.dumps(named)}", "library_name: tiny-audio-ssl"]
    lines += ["pipeline_tag: feature-extraction", "tags:", *(f"  - {tag}" for tag in tags)]
    return "\n".join(["---", *lines, "---"])


def _many(content: dict[str, Any]) -> str:
    names = ", ".join(head["name"] for head in content["heads"])
    return f"{content['embedding_dim']} numbers" + (f", and scores of {names}" if names else "")


def _training(loaded: Checkpoint, content: dict[str, Any]) -> list[tuple[str, str]]:
    corpus, encoder = loaded.run.get("corpus", {}), content["encoder"]
    progress = content["checkpoint"]["progress"]
    frontend = multiply_adds(loaded.model.frontend, torch.zeros(1, content["window_samples"]))
    return [
        ("task", str(content["checkpoint"]["task"] or NOT_STATED)),
        ("recordings", f"{corpus['recordings']:,}" if "recordings" in corpus else NOT_STATED),
        ("hours", f"{corpus['hours']:.2f}" if "hours" in corpus else NOT_STATED),
        ("steps", f"{progress.get('step', NOT_STATED)}"),
        ("parameters", f"{encoder['parameters']:,}"),
        ("multiply-adds a window", f"{encoder['multiply_adds']:,} (front-end {frontend:,})"),
        ("readout", " ".join(encoder["readout"])),
        ("weights", f"sha256 {content['checkpoint']['model_sha256']}"),
    ]


def _artifacts(content: dict[str, Any]) -> str:
    rows = []
    for entry in content["artifacts"]:
        parity = entry["parity"]
        agreed = [
            f"{name} {score['top_label_agreement']:.3f}"
            for name, score in entry["scores_parity"].items()
        ]
        rows.append(
            (
                entry["file"],
                f"{entry['bytes'] / 1000:.0f}",
                f"{parity['snr_db']:.1f}" if parity and parity["snr_db"] is not None else "-",
                f"{parity['mean_cosine']:.5f}" if parity and parity["mean_cosine"] else "-",
                ", ".join(agreed) or "-",
            )
        )
    windows = len(content["compared_on"])
    note = (
        f"Compared with the model on {windows} windows: SNR of the centred embeddings, mean "
        "cosine, share of windows with the same top label."
        if windows
        else "Not compared with the model."
    )
    columns = ("file", "kB", "SNR dB", "cosine", "same top label")
    return f"{_table(columns, rows)}\n\n{note}"


def _heads(content: dict[str, Any]) -> list[str]:
    rows = [
        (
            head["output"],
            head["task"],
            f"{len(head['labels'])}: {', '.join(head['labels'][:10])}"
            + (", ..." if len(head["labels"]) > 10 else ""),
            str(head["clips"]),
            f"{head['accuracy']:.3f}{_between(head['interval'])}",
        )
        for head in content["heads"]
    ]
    note = (
        "Accuracy is held-out, of the float32 embedding of "
        "whole recordings or windows as the manifest's `window_s` says; the head itself was then "
        "fitted on all clips."
    )
    columns = ("output", "task", "labels", "clips", "accuracy [95 %]")
    return [f"## Heads\n\n{_table(columns, rows)}\n\n{note}"] if rows else []


def _scores(scores: Iterable[Score]) -> list[str]:
    rows = [
        (s.task, s.protocol, s.model, f"{s.accuracy:.3f}{_between(s.summary()['interval'])}")
        for s in scores
    ]
    columns = ("task", "protocol", "embedding", "accuracy [95 %]")
    return [f"## Probes\n\n{_table(columns, rows)}"] if rows else []


def _latencies(timed: Sequence[Row]) -> list[str]:
    rows = [(r.artifact, r.runtime, f"{r.p50_ms:.2f}", f"{r.p90_ms:.2f}") for r in timed]
    if not rows:
        return []
    note = f"On {timed[0].device}, {timed[0].threads} thread, {timed[0].runs} runs of each."
    columns = ("form", "runtime", "p50 ms", "p90 ms")
    return [f"## Latency\n\n{_table(columns, rows)}\n\n{note}"]


def _timed(folder: Path) -> list[Row]:
    from tiny_audio_ssl.bench.run import bench

    return bench(folder)


def _between(interval: Sequence[float | None]) -> str:
    low, high = interval
    return "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([str(cell).replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
