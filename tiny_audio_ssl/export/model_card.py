"""MODEL_CARD.md: origin, quality, size and limits of the artifacts beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.probing.scores import Score
from tiny_audio_ssl.export.config import NOT_STATED
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoder_config import readout_text
from tiny_audio_ssl.models.encoders import multiply_adds
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.text import markdown

MODEL_CARD = "MODEL_CARD.md"
SEAL = "\n<!-- written by tiny-audio-ssl export, sha256 of the text above: "
REFERENCES = ("random weights", "log-mel statistics", "log-mel statistics, all four")
LATENCY_KEYS = ("artifact", "runtime", "p50_ms", "p90_ms", "device", "threads", "runs")
LIMITS = """\
- Learned from the recordings above alone; sounds unlike them may be told apart less well.
- Embeddings of other weights, or of another readout, can't be compared with these.
- Voices can be told apart by an embedding; treat it as personal data where recordings would be."""
LIMITS_OF_ARTIFACTS = """\
- An embedding is of {window_ms:g} ms of sound; what happens over longer times is not in it.
- Scores of a head mean its labels only: a sound that is none of them still gets one of them.
- Forms other than fp32 differ from it by the SNR above: check your task on the form you ship."""


def write(
    folder: Path,
    loaded: Checkpoint,
    content: Mapping[str, Any],
    scores: Sequence[Score] = (),
    latency: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write the card beside the artifacts and return its path.

    Args:
        content: the manifest in `folder`.
        scores: probes of this model, and of others to compare it with.
        latency: a row for each artifact that was timed, with `LATENCY_KEYS`.
    """
    task = content["checkpoint"]["task"] or NOT_STATED
    formats = dict.fromkeys(artifact["format"] for artifact in content["artifacts"])
    parts = [
        front_matter(content["license"], formats),
        f"# Audio {_title(content)} by {task}, encoder {content['encoder']['name']}",
        f"A sound of {content['window_ms']:g} ms (16 kHz, mono) becomes {_outputs(content)}. "
        "Learned without labels by tiny-audio-ssl; `manifest.json` says what each artifact "
        "takes and gives, `tiny-audio-ssl verify` checks them.",
        "## Training\n\n" + table(("", ""), _training(loaded, content)),
        "## Artifacts\n\n" + _artifacts(content),
        *_heads(content),
        *_scores(scores),
        *_latencies(latency),
        f"## Limits\n\n{LIMITS}\n{LIMITS_OF_ARTIFACTS.format(**content)}",
        f"## License\n\n{content['license']}",
    ]
    with atomic_file(folder / MODEL_CARD) as work:
        work.write_text(_sealed("\n\n".join(parts) + "\n"), encoding="utf-8")
    return folder / MODEL_CARD


def is_edited(card: Path) -> bool:
    """Return whether there is a card that differs from what `write` wrote."""
    try:
        text = card.read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return text != _sealed(text.rpartition(SEAL)[0])


def _sealed(text: str) -> str:
    """Return the text with its hash at its end, in a comment that pages do not show."""
    return f"{text}{SEAL}{hashlib.sha256(text.encode()).hexdigest()} -->\n"


def scores_of(found: Sequence[Score], run: Path) -> tuple[Score, ...]:
    """Return the scores of a run, under its folder's name, and of the references beside it (random
    weights, log-mel statistics): a card is public, folder names are not.

    Raises `UserError` if none is of the run: models are called by the path they were given by.
    """
    own = {s.model for s in found if Path(s.model).absolute() == run.absolute()}
    if not own:
        models = ", ".join(dict.fromkeys(score.model for score in found))
        raise UserError(f"--probes: no result of {run} in it, but of {models}")
    names = dict.fromkeys(own, run.absolute().name)
    names |= {name: name for name in REFERENCES}
    return tuple(replace(s, model=names[s.model]) for s in found if s.model in names)


def front_matter(license: str, formats: Iterable[str]) -> str:
    """Return the header that model hubs read; a license not stated is `unknown` in their terms."""
    license = license if license != NOT_STATED else "unknown"
    tags = ["audio", "self-supervised", "on-device", *formats]
    lines = [f"license: {json.dumps(license)}", "library_name: tiny-audio-ssl"]
    lines += ["pipeline_tag: feature-extraction", "tags:", *(f"  - {tag}" for tag in tags)]
    return "\n".join(["---", *lines, "---"])


def _title(content: Mapping[str, Any]) -> str:
    product = content["artifacts"][0].get("product")
    return markdown(product["name"]) if product else "embeddings"


def _outputs(content: Mapping[str, Any]) -> str:
    names = ", ".join(markdown(head["name"]) for head in content["heads"])
    if product := content["artifacts"][0].get("product"):
        return f"{markdown(product['name'])}, not an embedding"
    return f"{content['embedding_dim']} numbers" + (f", and scores of {names}" if names else "")


def _training(loaded: Checkpoint, content: Mapping[str, Any]) -> list[tuple[str, str]]:
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
        ("readout", readout_text(encoder)),
        ("weights", f"sha256 {content['checkpoint']['model_sha256']}"),
    ]


def _artifacts(content: Mapping[str, Any]) -> str:
    rows = []
    for entry in content["artifacts"]:
        parity = entry["parity"]
        agreed = [
            f"{markdown(name)} {score['top_label_agreement']:.3f}"
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
        f"Compared with the model on {windows} windows: SNR of the centered embeddings, mean "
        "cosine, share of windows with the same top label."
        if windows
        else "Not compared with the model."
    )
    columns = ("file", "kB", "SNR dB", "cosine", "same top label")
    return f"{table(columns, rows)}\n\n{note}"


def _heads(content: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            markdown(head["output"]),
            markdown(head["task"]),
            f"{len(head['labels'])}: {markdown(', '.join(head['labels'][:10]))}"
            + (", ..." if len(head["labels"]) > 10 else ""),
            str(head["clips"]),
            f"{head['accuracy']:.3f}{_between(head['interval'])}",
        )
        for head in content["heads"]
    ]
    note = (
        "Accuracy is held-out, of the float32 embedding of whole recordings, or of windows as the "
        "manifest's `window_s` says; the head itself was then fitted on all clips."
    )
    columns = ("output", "task", "labels", "clips", "accuracy [95 %]")
    return [f"## Heads\n\n{table(columns, rows)}\n\n{note}"] if rows else []


def _scores(scores: Iterable[Score]) -> list[str]:
    rows = [
        (
            markdown(s.task),
            s.protocol,
            markdown(s.model),
            f"{s.accuracy:.3f}{_between(s.summary()['interval'])}",
        )
        for s in scores
    ]
    columns = ("task", "protocol", "embedding", "accuracy [95 %]")
    return [f"## Probes\n\n{table(columns, rows)}"] if rows else []


def _latencies(timed: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        (row["artifact"], row["runtime"], f"{row['p50_ms']:.2f}", f"{row['p90_ms']:.2f}")
        for row in timed
    ]
    if not rows:
        return []
    device, threads, runs = (timed[0][name] for name in ("device", "threads", "runs"))
    note = f"On {device}, {threads} thread, {runs} runs of each."
    columns = ("form", "runtime", "p50 ms", "p90 ms")
    return [f"## Latency\n\n{table(columns, rows)}\n\n{note}"]


def _between(interval: Sequence[float | None]) -> str:
    low, high = interval
    return "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([str(cell).replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
