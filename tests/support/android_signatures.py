"""Compile-only stubs beside Android's own signatures, as a package of Python stubs has them."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NUMBERS = {"int", "long", "short", "byte", "char", "float", "double", "boolean"}
NAMES = {"Class": "Type"}  # Python's
RETURNED = dict.fromkeys(("int", "long", "short", "byte"), "int") | {
    "float": "float",
    "double": "float",
    "boolean": "bool",
    "void": "None",
    "String": "str",
}


@dataclass(frozen=True)
class Member:
    """A method, constructor or field of a stub, in Java's words."""

    owner: str  # android.view.View$OnClickListener
    name: str
    kind: str  # its type, or what it returns
    parameters: tuple[str, ...] | None  # None: a field
    static: bool


def members(classes: Path) -> list[Member]:
    """Read the members of compiled stubs with javap; constructors are called __init__."""
    files = [str(file.relative_to(classes)) for file in sorted(classes.rglob("*.class"))]
    owners = [file.removesuffix(".class").replace("/", ".") for file in files]
    told = subprocess.run(
        ["javap", "-protected", "-cp", str(classes), *owners],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: list[Member] = []
    for block in re.split(r"^Compiled from .*$", told, flags=re.MULTILINE):
        lines = [line.strip().rstrip(";") for line in block.strip().splitlines()]
        if not lines:
            continue
        owner = re.search(r"(?:class|interface) ([\w.$]+)", lines[0])
        assert owner, lines[0]
        # static {} is the class's own initializer, and Build's fields need one
        body = [line for line in lines[1:-1] if line != "static {}"]
        found += [_member(owner[1], line) for line in body]
    # A method that narrows what it returns is there a second time, as the compiler's bridge.
    return list({(m.owner, m.name, m.parameters): m for m in reversed(found)}.values())


def _member(owner: str, line: str) -> Member:
    line = line.partition(" throws ")[0]
    words = re.sub(r"<[^<>]*>", "", line.partition("(")[0]).split()
    kind = words[-2] if len(words) > 1 else ""
    if "(" not in line:
        return Member(owner, words[-1], kind, None, "static" in words)
    inside = line[line.index("(") + 1 : line.rindex(")")]
    parameters = tuple(re.sub(r"<[^<>]*>", "", p).strip() for p in inside.split(",") if p.strip())
    if words[-1] == owner:
        return Member(owner, "__init__", "void", parameters, False)
    return Member(owner, words[-1], kind, parameters, "static" in words)


class Signatures:
    """Android's own, of the folder `android-stubs`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def problem(self, member: Member) -> str | None:
        """List in words the differences from Android."""
        where = f"{member.owner}.{member.name}"
        found = self._find(member.owner, member.name)
        if not found:
            return f"{where}: not in Android"
        if member.parameters is None:
            assigned = [node for node in found if isinstance(node, ast.AnnAssign)]
            fits = any(_returns(member.kind, _unwrapped(node.annotation)) for node in assigned)
            return None if fits else f"{where}: of another type than {member.kind}"
        methods = [node for node in found if isinstance(node, ast.FunctionDef)]
        if any(_same(member, method) for method in methods):
            return None
        return f"{where}({', '.join(member.parameters)}) {member.kind}: other signatures in Android"

    def _find(self, owner: str, name: str) -> list[ast.stmt]:
        """The statements of that name, in the class or the nearest of its bases that has any."""
        node = self._class(owner)
        if node is None:
            return []
        here = [statement for statement in node.body if _name(statement) == name]
        if here or name == "__init__":
            return here
        package = owner.rpartition(".")[0]
        for base in map(ast.unparse, node.bases):
            full = base if "." in base and base.startswith("android") else f"{package}.{base}"
            if inherited := self._find(full, name):
                return inherited
        return []

    def _class(self, owner: str) -> ast.ClassDef | None:
        package, _, path = owner.rpartition(".")
        body: list[ast.stmt] = list(self._module(package))
        node = None
        for part in path.split("$"):
            named = (n for n in body if isinstance(n, ast.ClassDef) and n.name == part)
            node = next(named, None)
            if node is None:
                return None
            body = node.body
        return node

    @cache  # noqa: B019
    def _module(self, package: str) -> tuple[ast.stmt, ...]:
        file = self._folder.joinpath(*package.split(".")[1:]) / "__init__.pyi"
        return tuple(ast.parse(file.read_text()).body) if file.is_file() else ()


def _name(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.FunctionDef):
        return statement.name
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    return None


def _same(member: Member, method: ast.FunctionDef) -> bool:
    static = any(ast.unparse(decorator) == "staticmethod" for decorator in method.decorator_list)
    given = [*method.args.posonlyargs, *method.args.args][0 if static else 1 :]
    wanted = [ast.unparse(argument.annotation) for argument in given if argument.annotation]
    assert member.parameters is not None
    mine = list(member.parameters)
    if method.args.vararg is not None:
        if not (mine and mine[-1].endswith("...")):
            return False
        mine.pop()
    same = len(wanted) == len(mine) and all(map(_takes, mine, wanted))
    returns = method.returns is None or _returns(member.kind, ast.unparse(method.returns))
    return same and returns and static == member.static


def _takes(java: str, annotation: str) -> bool:
    options = {option.strip() for option in annotation.split("|")}
    if java.endswith("[]"):
        element = java.removesuffix("[]")
        array = f"JavaArrayJ{element.capitalize()}" if element in NUMBERS else "JavaArray["
        return any(array in option for option in options)
    if java in NUMBERS:
        return f"java.j{java}" in options
    name = NAMES.get(_simple(java), _simple(java))
    return any(_simple(option) == name for option in options)


def _returns(java: str, annotation: str) -> bool:
    options = {option.strip() for option in annotation.split("|")}
    if java.endswith("[]"):
        return any("JavaArray" in option for option in options)
    wanted = RETURNED.get(_simple(java), _simple(java))
    generic = len(_simple(java)) == 1  # findViewById: erased to its bound, which this names
    return generic or any(_simple(option) == wanted for option in options)


def _unwrapped(annotation: ast.expr) -> str:
    return re.sub(r"^typing\.ClassVar\[(.*)\]$", r"\1", ast.unparse(annotation))


def _simple(name: str) -> str:
    return re.split(r"[.$]", name.partition("[")[0])[-1]
