"""models: list the models that come with the package, or upload one to a hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro
from rich import box
from rich.table import Table

from tiny_audio_ssl.commands.base import Command, out
from tiny_audio_ssl.export.config import NOT_STATED
from tiny_audio_ssl.models import names

MODEL = "model.safetensors"


@dataclass
class Models(Command):
    """List the models that come with the package; every command accepts their names in place of
    RUN.

    `tiny-audio-ssl models push RUN OWNER/NAME` uploads a run or a model to a hub. hf://OWNER/NAME
    can then be used in place of RUN; see docs/models.md.
    """

    json: bool = False
    """Print JSON."""

    @classmethod
    def with_options(cls, argv: Sequence[str]) -> type[Command]:
        """Return the command that uploads after `push`."""
        return Push if argv[:1] == ["push"] else cls

    def run(self) -> int:
        found = [about(name) for name in names.shipped()]
        if self.json:
            print(json.dumps(found))
        elif found:
            out.print(_table(found))
        else:
            out.print("no model comes with this package")
        return 0


@dataclass
class Push(Command):
    """Upload a run or a model to a model hub, with its card as README.md."""

    first_word = "push"
    action: Annotated[Literal["push"], tyro.conf.Positional]
    """The word `push`."""
    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run, checkpoint or model name."""
    repository: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="OWNER/NAME")]
    """Repository on the hub, which is created if it does not exist."""
    license: str = NOT_STATED
    """License of a run's weights, such as apache-2.0; models state their own."""
    private: bool = False
    """Make the repository private."""
    json: bool = False
    """Print JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.export.publish import publish

        url = publish(self.model, self.repository, self.license, self.private)
        if self.json:
            print(json.dumps({"url": url, "repository": self.repository}))
        else:
            out.print(f"{url}: load it as hf://{self.repository}")
        return 0


def about(name: str) -> dict[str, Any]:
    """Return the facts of a model, ready for JSON; `probe_mean` is of its default readout."""
    folder, facts = names.shipped_folder(name), names.facts_of(name)
    return {
        "name": name,
        "parameters": facts["parameters"],
        "multiply_adds": facts["multiply_adds"],
        "embedding_dim": facts["embedding_dim"],
        "kilobytes": round((folder / MODEL).stat().st_size / 1000, 1),
        "probe_mean": next(iter(facts.get("probe_means", {}).values()), None),
        "license": facts["license"],
        "folder": str(folder),
    }


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(
        caption="millions of multiply-adds in 0.975 s: encoder + front-end\n"
        "size: of the embedding; probes: mean accuracy",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    columns = ("param-\neters", "multiply-\nadds, M", "size", "kB", "probes")
    table.add_column("name", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("license", no_wrap=True)
    for model in found:
        cost, mean = model["multiply_adds"], model["probe_mean"]
        table.add_row(
            model["name"],
            f"{model['parameters']:,}",
            f"{cost['encoder'] / 1e6:.1f} + {cost['frontend'] / 1e6:.1f}",
            f"{model['embedding_dim']:,}",
            f"{model['kilobytes']:.0f}",
            "-" if mean is None else f"{mean:.3f}",
            model["license"],
        )
    return table
