"""The package imports on Windows and macOS: nothing imports what only Linux has."""

from __future__ import annotations

import ast

from support.paths import ROOT

ONLY_ON_UNIX = {"fcntl", "grp", "pty", "pwd", "resource", "termios"}


def test_no_module_imports_what_only_unix_has():
    found = []
    for path in sorted((ROOT / "tiny_audio_ssl").rglob("*.py")):
        for node in ast.parse(path.read_text()).body:  # at module level
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            found += [f"{path}: {name}" for name in names if name in ONLY_ON_UNIX]
    assert found == []
