"""Tables and JSON of a finished export."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from tiny_audio_ssl.export.artifact_builder import ExportedArtifact
    from tiny_audio_ssl.export.exporter import ExportResult


def as_json(result: ExportResult) -> dict[str, Any]:
    """Return the result for `--json`."""
    artifacts = [
        {
            "file": str(a.path),
            "bytes": a.bytes,
            **asdict(a.form),
            "parity": a.parity and a.parity.as_json(),
            "scores": {name: score.as_json() for name, score in a.scores.items()},
            "operators": a.operators and asdict(a.operators),
            "portable_time_share": dict(a.portable_time_share),
            "tried": [one.as_json() for one in a.tried],
        }
        for a in result.artifacts
    ]
    return {"ok": result.ok, "manifest": str(result.manifest), "artifacts": artifacts}


def portable_operators(result: ExportResult) -> list[str]:
    """Return a line for each operator that no delegate took, with its share of the time."""
    return [
        f"{artifact.path.name}: {name} is outside the fast path and takes {share:.0%} of the time"
        for artifact in result.artifacts
        for name, share in artifact.portable_time_share.items()
    ]


def trial_table(result: ExportResult) -> Table | None:
    """Return a table of the forms made until the target was met, smallest first; None without a
    target."""
    tried = [one for artifact in result.artifacts for one in artifact.tried]
    if not tried:
        return None
    table = Table(box=box.SIMPLE_HEAD, title="Tried; points: accuracy lost by a linear probe")
    table.add_column("file", no_wrap=True)
    for name in ("kB", "SNR dB", *(f"{task}, points" for task in tried[0].probe_drops), "meets"):
        table.add_column(name, justify="right")
    for one in tried:
        drops = [f"{drop:+.2f}" for drop in one.probe_drops.values()]
        meets = "yes" if one.meets else Text("no", style="bold red")
        table.add_row(one.file, f"{one.bytes / 1000:.0f}", f"{one.snr_db:.1f}", *drops, meets)
    return table


def artifact_table(result: ExportResult) -> Table:
    """Return a table of the artifacts, with how far each is from the model."""
    compared = next((a.parity.windows for a in result.artifacts if a.parity), 0)
    on = f" on {compared} windows" if compared or not result.artifacts[0].scores else ""
    table = Table(box=box.SIMPLE_HEAD, title=f"Artifacts, compared with the model{on}")
    table.add_column("file", no_wrap=True)
    labels = ["same label"] if result.artifacts[0].scores else []
    for name in ("kB", "SNR dB", "cosine", *labels, "portable", "agrees"):
        table.add_column(name, justify="right")
    for artifact in result.artifacts:
        table.add_row(*_cells(artifact))
    return table


def _cells(artifact: ExportedArtifact) -> list[str | Text]:
    parity, operators = artifact.parity, artifact.operators
    agreements = [score.top_label_agreement for score in artifact.scores.values()]
    return [
        artifact.path.name,
        f"{artifact.bytes / 1000:.0f}",
        f"{parity.snr_db:.1f}" if parity else "",
        f"{parity.mean_cosine:.5f}" if parity else "",
        *([f"{min(agreements):.3f}"] if agreements else []),
        str(sum(operators.portable.values())) if operators else "",
        ("yes" if artifact.ok else Text("no", style="bold red"))
        if parity or artifact.scores
        else "not compared",
    ]
