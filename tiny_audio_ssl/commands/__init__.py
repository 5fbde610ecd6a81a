"""COMMANDS: what `tiny-audio-ssl` can do, one file a command."""

from __future__ import annotations

from tiny_audio_ssl.commands.base import Command
from tiny_audio_ssl.commands.bench import Bench
from tiny_audio_ssl.commands.datasets import Datasets
from tiny_audio_ssl.commands.embed import Embed
from tiny_audio_ssl.commands.export import Export
from tiny_audio_ssl.commands.federate import Federate
from tiny_audio_ssl.commands.finetune import Finetune
from tiny_audio_ssl.commands.inspect import Inspect
from tiny_audio_ssl.commands.pretrain import Resume, pretrain_command
from tiny_audio_ssl.commands.probe import Probe
from tiny_audio_ssl.commands.report import Report
from tiny_audio_ssl.commands.search import Search
from tiny_audio_ssl.commands.verify import Verify

COMMANDS: dict[str, type[Command]] = {
    "pretrain": pretrain_command(None),
    "resume": Resume,
    "embed": Embed,
    "probe": Probe,
    "finetune": Finetune,
    "search": Search,
    "report": Report,
    "datasets": Datasets,
    "export": Export,
    "verify": Verify,
    "bench": Bench,
    "federate": Federate,
    "inspect": Inspect,
}

__all__ = ["COMMANDS", "Command", "pretrain_command"]
