"""Refuse texts that no native engineer would write, by the patterns that are known.

- docstrings and help texts that begin with a relative clause instead of a verb or a noun
- clipped and inverted phrases in docstrings, messages and Markdown

python .ci/check_english.py FOLDER_OR_FILE...
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

REFUSED = re.compile(r"(What|Of|The one|Whether it|That which)\b")
CLIPPED = re.compile(
    r"\b(?:is|are) no matter\b|\bso that there (?:is|are) no such\b|\bWhat is not, is\b"
    r"|\bis (?:not )?to be had\b|\bgoes on where\b|\bthere already, and\b|\brefused there\b"
    r"|\b(?:of|in|by|with|within|after|up to|that|whether) so many\b|\bbegun from\b|\bof ours\b"
    r"|\bsound otherwise\b|\bshall\b|\bthrown away\b|\bthat \w+ share which\b"
    r"|\b(?:is|are) not there\b|\bnot there[;,.]|\bgo(?:es)? on with\b|\bcan't be had\b"
    r"|\bof (?:no )?use any more\b|\bmade (?:sounds?|tones|speech)\b|\btells? no \w+ apart\b"
    r"|(?<!here )\b(?:is|are) no (?:part|file|number|key|whole|JSON|PEM|settings?)\b"
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SUFFIXES = (".py", ".md")

Place = tuple[int, str]  # line, and text


def texts(tree: ast.AST) -> Iterator[Place]:
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


def strings(tree: ast.AST) -> Iterator[Place]:
    """Yield the line and text of every string, of an f-string without its values."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)):
                yield node.lineno, text


def begins_badly(places: Iterator[Place]) -> Iterator[Place]:
    """Yield the line of each text that begins with a refused word, and a complaint."""
    for line, text in places:
        if match := REFUSED.match(text.strip()):
            yield line, f"begins with {match.group()!r}: {text.strip().splitlines()[0]}"


def is_clipped(places: Iterator[Place]) -> Iterator[Place]:
    """Yield the line of each clipped phrase, also across a line break, and a complaint."""
    for line, text in places:
        joined = " ".join(text.split())
        for match in CLIPPED.finditer(joined):
            before = len(joined[: match.start()].replace(" ", ""))  # characters, without spaces
            begins = [at for at, character in enumerate(text) if not character.isspace()][before]
            yield line + text.count("\n", 0, begins), f"has {match.group()!r}"


def complaints(path: Path) -> Iterator[Place]:
    """Yield the line and text of each complaint about a file."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from is_clipped(iter([(1, source)]))
        return
    tree = ast.parse(source)
    yield from begins_badly(texts(tree))
    yield from is_clipped(strings(tree))


def files(places: list[str]) -> Iterator[Path]:
    """Yield Python and Markdown files: those named, and those in the folders."""
    for place in map(Path, places):
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        yield from (
            path for path in found if path.suffix in SUFFIXES and "node_modules" not in path.parts
        )


def main(places: list[str]) -> int:
    """Print each complaint with its place; return the number of them, at most 1."""
    found = [
        f"{path}:{line}: {complaint}"
        for path in files(places)
        for line, complaint in sorted(complaints(path))
    ]
    print("\n".join(found) or "English: no known pattern found")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
