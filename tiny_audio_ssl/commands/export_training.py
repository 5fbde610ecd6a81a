"""export-training: turn a run's training step into an artifact that trains on a device."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out
from tiny_audio_ssl.commands.recipe_option import with_recipe
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import TrainingExportConfig
from tiny_audio_ssl.models.names import home_of
from tiny_audio_ssl.utils.files import short_names


@dataclass
class ExportTraining(Command):
    """Export runs' training steps: loss and gradients of the pretext task, in a .pte file.

    Each folder also holds the checkpoint to start from. See docs/training-on-device.md.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN...")]
    """Run folders, or checkpoints with their heads."""
    out: Path | None = None
    """Folder to write to. Default: RUN/export-training, or OUT/NAME-OF-RUN for several runs. The
    files of an earlier export in it are replaced, others are kept."""
    recipe: str | None = None
    """Recipe: a name (training) or a .toml file of settings. Options given here override it."""
    config: Annotated[TrainingExportConfig, tyro.conf.OmitArgPrefixes] = field(
        default_factory=TrainingExportConfig
    )
    json: bool = False
    """Print the result as JSON, one line per run."""

    @classmethod
    def with_options(cls, argv: Sequence[str]) -> type[Command]:
        """Return the command with the recipe's settings as defaults."""
        return with_recipe(argv, {"export-training": cls}) or cls

    def run(self) -> int:
        from tiny_audio_ssl.export.training.to_training import export_training

        if not self.runs:
            raise UserError("no run given; e.g. tiny-audio-ssl export-training RUN")
        for run, folder in zip(self.runs, folders_of(self.runs, self.out), strict=True):
            with err.status("exporting a training step"):
                made = export_training(run, folder, self.config)
            if self.json:
                print(json.dumps(asdict(made), default=str))
                continue
            size = f"{made.bytes / 1000:.0f} kB, {sum(made.operators.values())} operators"
            out.print(f"{made.path}: {size}, gradients of each kind checked by tests")
            out.print(
                "open it with tiny_audio_ssl.export.training.on_device_trainer.OnDeviceTrainer",
                markup=False,
            )
        return 0


def folders_of(runs: Sequence[str], out: Path | None) -> list[Path | None]:
    """Return a folder for each run: OUT, or OUT/NAME-OF-RUN of several; None for the default."""
    if out is None or len(runs) == 1:
        return [out] * len(runs)
    return [out / name for name in short_names([home_of(run) for run in runs])]
