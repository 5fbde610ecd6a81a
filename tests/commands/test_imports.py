"""The program starts fast: no command imports a heavy package that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest
from support.old_files import OLD_FILES

from tiny_audio_ssl import cli
from tiny_audio_ssl.commands.registry import COMMANDS

HEAVY = {
    "executorch",
    "flwr",
    "lightning_fabric",
    "lightning_utilities",
    "matplotlib",
    "numpy",
    "onnx",
    "onnxruntime",
    "opacus",
    "optuna",
    "pandas",
    "pyarrow",
    "ray",
    "scipy",
    "sklearn",
    "soundfile",
    "soxr",
    "tensorboard",
    "torch",
    "torchao",
    "torchmetrics",
    "transformers",
    "umap",
}
ENDS_AT_ONCE = {
    "--version": ["--version"],
    "--help": ["--help"],
    "models": ["models"],
    "unknown command": ["pretain"],
    "unknown option": ["embed", "--no-such-option"],
    "unknown task": ["pretrain", "builtin", "--task", "rotnet"],
    **{f"{name} --help": [name, "--help"] for name in COMMANDS},
    "pretrain --task combined --help": ["pretrain", "--task", "combined", "--help"],
}
COUNTED = """
import contextlib, io, json, sys
from tiny_audio_ssl import cli
found = {}
for name, arguments in json.loads(sys.argv[1]):
    before = set(sys.modules)
    failed = []
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            cli.run(arguments)
        except SystemExit:
            pass
        except Exception as error:
            failed = [repr(error)]
    found[name] = failed + sorted({m.partition(".")[0] for m in set(sys.modules) - before})
    for module in set(sys.modules) - before:
        if module.startswith("tiny_audio_ssl"):
            del sys.modules[module]
print(json.dumps(found))
"""


def imported(commands: dict[str, list[str]], cwd=None) -> dict[str, list[str]]:
    """The packages that each command imports, run one after the other in one fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, json.dumps(list(commands.items()))],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@cache
def imported_at_start() -> dict[str, list[str]]:
    return imported(ENDS_AT_ONCE)


@pytest.mark.parametrize("name", ENDS_AT_ONCE)
def test_help_and_wrong_usage_import_nothing_heavy(name: str):
    # A package that several commands import is found at the first of them alone.
    packages = imported_at_start()[name]
    assert not HEAVY & set(packages) and not [found for found in packages if "Error" in found]


def test_embed_and_inspect_import_no_trainer_and_no_runtime(tmp_path):
    run = str(OLD_FILES / "run")
    arguments = {
        "embed": ["embed", run, "builtin:1", "--out", str(tmp_path / "x.npy")],
        "inspect": ["inspect", run],
        "inspect an export": ["inspect", str(OLD_FILES / "export")],
    }
    needless = HEAVY - {"numpy", "pandas", "pyarrow", "soundfile", "soxr", "torch", "scipy"}
    for name, packages in imported(arguments, cwd=tmp_path).items():
        assert not needless & set(packages), name
    assert (tmp_path / "x.npy").is_file()


def test_fabric_is_imported_without_torchmetrics():
    code = (
        "import importlib.util, sys\n"
        "from tiny_audio_ssl.utils.fabric import fabric_class\n"
        "assert fabric_class().__name__ == 'Fabric'\n"
        "assert 'torchmetrics' not in sys.modules, 'or who needs it could not import it'\n"
        "assert 'transformers' not in sys.modules\n"
        "importlib.util.find_spec('torchmetrics')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_list_of_commands_says_what_each_does(capsys):
    with pytest.raises(SystemExit):
        cli.run(["--help"])
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name, entry in COMMANDS.items():
        assert name in printed and " ".join(entry.summary.split()[:4]) in printed
        assert entry.load().__doc__
