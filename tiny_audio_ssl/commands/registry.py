"""COMMANDS: the program's commands by name. A command's module is imported when it is used."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from tiny_audio_ssl.commands.base import Command


@dataclass(frozen=True)
class CommandEntry:
    """A command before it is imported."""

    path: str  # MODULE:CLASS within this package
    summary: str  # for the list of commands; the class's docstring says more

    def load(self) -> type[Command]:
        """Import the command's module, and return its class."""
        module, _, name = self.path.partition(":")
        found = importlib.import_module(f"tiny_audio_ssl.commands.{module}")
        return cast("type[Command]", getattr(found, name))


COMMANDS = {
    "pretrain": CommandEntry(
        "pretrain:Pretrain", "Pre-train an encoder on unlabeled recordings, into a run folder."
    ),
    "resume": CommandEntry(
        "pretrain:Resume",
        "Resume a run that was interrupted or killed.",
    ),
    "embed": CommandEntry(
        "embed:Embed",
        "Write the embeddings of files, folders or manifests to a .parquet or .npy file.",
    ),
    "probe": CommandEntry(
        "probe:Probe",
        "Score frozen embeddings by how well labels can be predicted from them.",
    ),
    "probe-speech": CommandEntry(
        "probe_speech:ProbeSpeech",
        "Score frame features by how well they tell the phones or words of speech apart.",
    ),
    "finetune": CommandEntry(
        "finetune:Finetune",
        "Train encoder and linear heads end to end on labels, and test on held-out recordings.",
    ),
    "search": CommandEntry(
        "search:Search",
        "Find the pretext tasks and weights whose encoder does best in a linear probe.",
    ),
    "report": CommandEntry(
        "report:Report",
        "Write one HTML page about runs: results, a map to listen to, mistakes, curves, costs.",
    ),
    "datasets": CommandEntry(
        "datasets:Datasets",
        "List the published datasets that can be probed; with a name, explain how to get it.",
    ),
    "export": CommandEntry(
        "export:Export",
        "Export runs to mobile artifacts, and compare each with the model on real recordings.",
    ),
    "export-training": CommandEntry(
        "export_training:ExportTraining",
        "Export runs' training steps, to continue the pretext task on a device.",
    ),
    "serve": CommandEntry(
        "serve:Serve",
        "Serve a page of `export --web` on the local network, with a code for phones to scan.",
    ),
    "verify": CommandEntry(
        "verify:Verify",
        "Check artifacts: schema, hashes, and whether their embeddings match those recorded.",
    ),
    "bench": CommandEntry(
        "bench:Bench",
        "Time exported artifacts on this machine and on phones, beside eager PyTorch and peers.",
    ),
    "federate": CommandEntry(
        "federate:Federate",
        "Pre-train on clients that keep their recordings; see docs/federated.md.",
    ),
    "models": CommandEntry(
        "models:Models",
        "List the models that come with the package, whose names can replace RUN.",
    ),
    "inspect": CommandEntry(
        "inspect:Inspect", "Describe a run, a checkpoint, an export folder or a corpus."
    ),
}
