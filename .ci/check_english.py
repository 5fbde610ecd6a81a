"""Refuse docstrings and help texts that begin with a relative clause instead of a verb or a noun.

python .ci/check_english.py FOLDER...
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

REFUSED = re.compile(r"(What|Of|The one|Whether it|That which)\b")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and text of every docstring, attribute docstring and `help=` argument."""
    for node in ast.walk(tree):
        bodies = node.body if isinstance(node, DOCUMENTED) else []
        for statement in bodies:
            match statement:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield statement.lineno, text
        match node:
            case ast.keyword(arg="help", value=ast.Constant(value=str(text))):
                yield node.value.lineno, text


def main(folders: list[str]) -> int:
    """Print each refused text with its place; returns the number of them, at most 1."""
    found = [
        f"{path}:{line}: begins with {match.group()!r}: {text.splitlines()[0]}"
        for folder in folders
        for path in sorted(Path(folder).rglob("*.py"))
        for line, text in texts(ast.parse(path.read_text()))
        if (match := REFUSED.match(text.strip()))
    ]
    print("\n".join(found) or "English: no known pattern found")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
