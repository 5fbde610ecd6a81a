"""The Flower app as files: what `flwr run` bundles and sends to the clients.

`python -m tiny_audio_ssl.federated.app_project federated` writes the app's folder in a checkout;
a run that the library starts itself writes one to a temporary folder. The app holds no code but
two imports: every machine has this library installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from tiny_audio_ssl.federated.config import DEFAULTS
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.ownership import check_target, has_mark
from tiny_audio_ssl.version import __version__

NAME, PUBLISHER = "tiny-audio-ssl-federated", "tiny-audio-ssl"
COMMAND = "python -m tiny_audio_ssl.federated.app_project"
HEADER = f"""\
# Generated from FederatedConfig in tiny_audio_ssl/federated/config.py, which explains each setting.
# Regenerate it in a checkout's root: {COMMAND} federated
# No dependencies: Flower would install them for every run, and tiny-audio-ssl is there already.
"""


def app_files() -> dict[str, str]:
    """Return the text of each file of the app, by its name."""
    return {
        "pyproject.toml": HEADER + "\n" + tomli_w.dumps(_project()),
        "client_app.py": _component("client"),
        "server_app.py": _component("server"),
    }


def app_identity() -> dict[str, str]:
    """Return the app's id and version as Flower's servers have them."""
    return {"id": f"{PUBLISHER}/{NAME}", "version": __version__}


def write_app(folder: Path) -> Path:
    """Write the app's files into a folder, which is made if need be; returns the folder.

    Raises `UserError`: a file of that name is there that this did not write; no space.
    """
    files = app_files()
    for name, text in files.items():
        check_target(folder / name, has_mark(text.partition("\n")[0]), option="another folder")
    for name, text in files.items():
        with atomic_file(folder / name) as work:
            work.write_text(text)
    return folder


def _project() -> dict[str, object]:
    return {
        "project": {
            "name": NAME,
            "version": __version__,
            "description": "Federated pre-training of tiny audio encoders",
            "license": "Apache-2.0",
            "requires-python": ">=3.11",
            "dependencies": [],
        },
        "tool": {
            "flwr": {
                "app": {
                    "publisher": PUBLISHER,
                    "fab-include": ["*.py"],
                    "components": {"serverapp": "server_app:app", "clientapp": "client_app:app"},
                    "config": DEFAULTS,
                }
            }
        },
    }


def _component(side: str) -> str:
    return (
        f'"""The Flower {side.title()}App of tiny-audio-ssl."""\n\n'
        f"from tiny_audio_ssl.federated.{side}_app import app\n\n"
        '__all__ = ["app"]\n'
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the app into the folder that the command line names."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Write the Flower app's files.")
    parser.add_argument("folder", type=Path, help="folder of the app, such as federated")
    print(write_app(parser.parse_args(arguments).folder))


if __name__ == "__main__":
    main()
