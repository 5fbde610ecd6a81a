"""The program starts fast: no command imports a heavy package that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
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
# What reading, embedding, checking and training have no use for: the compiler of PyTorch, the
# exporter of ExecuTorch, and what other packages import only because it is installed.
SLOW_PARTS = {
    "executorch.exir",
    "flwr",
    "lightning_fabric",
    "matplotlib",
    "networkx",
    "onnxscript",
    "opacus",
    "optuna",
    "pandas",
    "ray",
    "torch._dynamo",
    "torchao",
    "torchmetrics",
    "transformers",
}
CLASSIFIERS = {"scipy", "sklearn"}
RUNTIMES = {"executorch", "onnxruntime"}
RUN, EXPORT = str(OLD_FILES / "run"), str(OLD_FILES / "export")
# Each with what must not be imported by then: one process runs them all, the lightest first.
WORK = {
    "inspect an export": (["inspect", EXPORT], HEAVY),
    "embed": (
        ["embed", RUN, "builtin:1", "--out", "x.npy"],
        SLOW_PARTS | CLASSIFIERS | RUNTIMES | {"tensorboard"},
    ),
    "inspect": (["inspect", RUN], SLOW_PARTS | CLASSIFIERS | RUNTIMES | {"tensorboard"}),
    "bench": (
        ["bench", EXPORT, "--runs", "1", "--rounds", "1", "--warm-up", "0"],
        SLOW_PARTS | CLASSIFIERS | {"tensorboard"},
    ),
    "pretrain": (
        ["pretrain", "builtin:1", "--out", "run", "--steps", "2", "--batch-size", "4"],
        SLOW_PARTS | CLASSIFIERS,
    ),
    "probe": (
        ["probe", RUN, "--data", "builtin", "--group", "group", "--protocols", "knn"],
        SLOW_PARTS,
    ),
}
COUNTED = """
import contextlib, io, json, sys
from tiny_audio_ssl import cli
found = {}
for name, arguments in json.loads(sys.argv[1]):
    before = set(sys.modules)
    code, failed = None, []
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            cli.main(arguments)
        except SystemExit as end:
            code = end.code
        except Exception as error:
            failed = [repr(error)]
    found[name] = [code, failed, sorted(set(sys.modules) - before)]
    for module in set(sys.modules) - before:
        if module.startswith("tiny_audio_ssl"):
            del sys.modules[module]
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Outcome:
    """A command's exit code, exceptions and newly imported modules with their packages."""

    code: int
    failed: list[str]
    modules: set[str]


def outcomes(commands: dict[str, list[str]], cwd=None) -> dict[str, Outcome]:
    """Run the commands one after the other in one fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, json.dumps(list(commands.items()))],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
    )
    return {
        name: Outcome(code, failed, {*modules, *(m.partition(".")[0] for m in modules)})
        for name, (code, failed, modules) in json.loads(done.stdout).items()
    }


@cache
def ended_at_once() -> dict[str, Outcome]:
    return outcomes(ENDS_AT_ONCE)


@pytest.mark.parametrize("name", ENDS_AT_ONCE)
def test_help_and_wrong_usage_import_nothing_heavy(name: str):
    # A package that several commands import is found at the first of them alone.
    outcome = ended_at_once()[name]
    assert not HEAVY & outcome.modules and not outcome.failed


def test_commands_import_only_what_they_use(tmp_path):
    found = outcomes({name: arguments for name, (arguments, _) in WORK.items()}, cwd=tmp_path)
    for name, (_, needless) in WORK.items():
        assert (found[name].code, found[name].failed) == (0, []), name
        assert not needless & found[name].modules, name


def test_fabric_is_imported_without_torchmetrics():
    code = (
        "import importlib.util, sys\n"
        "from tiny_audio_ssl.training.config import TrainingConfig\n"
        "from tiny_audio_ssl.training.fabric import launch\n"
        "fabric = launch(TrainingConfig(accelerator='cpu', precision='bf16'))\n"
        "assert type(fabric).__name__ == 'Fabric'\n"
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
