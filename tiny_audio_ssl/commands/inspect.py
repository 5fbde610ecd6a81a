"""inspect: describe a run, a checkpoint, an export folder or a corpus."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from tiny_audio_ssl.commands.base import Command, out


@dataclass
class Inspect(Command):
    """Describe a run, a checkpoint, an export folder or a corpus.

    A corpus is read through once, so that every unusable recording is listed.
    """

    what: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="WHAT")]
    """Run, checkpoint or model name, export folder or artifact, or recordings as for `pretrain`."""
    cache_dir: Path | None = None
    """Folder for decoded audio."""
    json: bool = False
    """Print the description as JSON."""

    def run(self) -> int:
        about = self._about()
        if self.json:
            print(json.dumps(about))
            return 0
        table = Table(show_header=False)
        for name, value in _flat(about):
            table.add_row(name, value)
        out.print(table)
        return 0

    def _about(self) -> dict[str, Any]:
        from tiny_audio_ssl.export import manifest
        from tiny_audio_ssl.models import names

        path = names.folder_of(self.what)
        if (path / names.CONFIG).is_file() or (path / "checkpoints").is_dir():
            return about_checkpoint(path)
        if (path if path.is_dir() else path.parent).joinpath(manifest.MANIFEST).is_file():
            return about_export(path)
        return about_corpus(self.what, self.cache_dir)


def about_checkpoint(path: Path) -> dict[str, Any]:
    """Describe a checkpoint, with the cost of one window."""
    import torch

    from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
    from tiny_audio_ssl.models import checkpoint
    from tiny_audio_ssl.models.encoders import multiply_adds, parameter_count

    found = checkpoint.load(path)
    encoder, run = found.model.encoder, found.run
    window = torch.zeros(1, WINDOW_SAMPLES)
    return {
        "checkpoint": str(found.folder),
        "step": f"{found.progress.get('step')} of {run.get('training', {}).get('steps')}",
        "task": {"name": run.get("task"), **run.get("pretext", {})},
        "encoder": asdict(encoder.config),
        "embedding size": encoder.embedding_dim,
        "parameters": parameter_count(encoder),
        "multiply-adds of 0.975 s": {
            "encoder": multiply_adds(encoder, found.model.frontend(window)),
            "front-end": multiply_adds(found.model.frontend, window),
        },
        "front-end": asdict(found.model.frontend.config),
        "trained on": run.get("corpus", {}),
        "best": found.progress.get("best", {}),
        "sha256": found.sha256,
        **({} if found.facts is None else {"facts": found.facts}),
    }


def about_export(path: Path) -> dict[str, Any]:
    """Describe an export folder, or one artifact of it."""
    from tiny_audio_ssl.export import manifest

    folder = path if path.is_dir() else path.parent
    content = manifest.read(folder)
    wanted = [a for a in content["artifacts"] if path.is_dir() or a["file"] == path.name]
    return {
        "export": str(folder),
        "window": f"{content['window_ms']:g} ms",
        "embedding size": content["embedding_dim"],
        "task": content["checkpoint"]["task"],
        "encoder": content["encoder"],
        "versions": content["versions"],
        **{a["file"]: {k: v for k, v in a.items() if k != "file"} for a in wanted},
    }


def about_corpus(source: str, cache_dir: Path | None) -> dict[str, Any]:
    """Describe recordings, reading all of them once."""
    import numpy as np

    from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
    from tiny_audio_ssl.data.cache import open_cache
    from tiny_audio_ssl.data.corpus import open_corpus

    recordings = open_cache(open_corpus(source), cache_dir)
    seconds = recordings.samples / SAMPLE_RATE_HZ
    names = list(dict.fromkeys(name for clip in recordings.clips for name in clip.columns))
    shortest, middle, longest = np.percentile(seconds, [0, 50, 100]).round(3).tolist()
    return {
        "recordings": len(recordings),
        "hours": round(recordings.total_s / 3600, 4),
        "seconds": {"shortest": shortest, "median": middle, "longest": longest},
        "formats": dict(Counter(clip.path.suffix.lower() for clip in recordings.clips)),
        "columns": {n: _values([c.columns.get(n, "") for c in recordings.clips]) for n in names},
        "skipped": {skipped.path: skipped.reason for skipped in recordings.skipped},
    }


def _values(texts: list[str]) -> str:
    counts = Counter(texts)
    most = ", ".join(f"{text or '(empty)'}: {n}" for text, n in counts.most_common(5))
    return f"{len(counts)} values; {most}" + (", ..." if len(counts) > 5 else "")


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, item in value.items():
        if isinstance(item, dict):
            rows += _flat(item, f"{prefix}{name}: ") or [(f"{prefix}{name}", "none")]
        else:
            rows.append((f"{prefix}{name}", _shown(item)))
    return rows


def _shown(value: Any) -> str:
    """Return a value for people: lists without brackets, numbers without noise."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.6g}"
        case dict():
            return ", ".join(f"{name} {_shown(item)}" for name, item in value.items())
        case list() | tuple():
            apart = "; " if any(isinstance(item, dict) for item in value) else ", "
            return apart.join(map(_shown, value)) or "none"
    return str(value)
