"""The page `reference/manifest.md`: the keys of `manifest.json`, from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGE = "reference/manifest.md"
SCHEMA = "tiny_audio_ssl/export/manifest.schema.json"
ROOT = Path(__file__).resolve().parents[2]
RANGES = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "minItems": "items: at least",
    "maxItems": "items: at most",
}
Schema = dict[str, Any]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    files.append(File.generated(config, PAGE, content="\n".join(page())))
    return files


def page() -> Iterator[str]:
    schema = json.loads((ROOT / SCHEMA).read_text(encoding="utf-8"))
    yield f"# manifest.json\n\n{schema['description']}\n"
    yield f"This page is made from the [JSON Schema](../../{SCHEMA}), by which `export` and"
    yield "`verify` check every manifest. Keys in bold are always there.\n"
    yield from table(schema)
    for name, kind in schema["$defs"].items():
        yield f"## {name}\n"
        if "description" in kind:
            yield f"{kind['description']}\n"
        if "properties" in kind:
            yield from table(kind)


def table(schema: Schema) -> Iterator[str]:
    """Yield the keys of an object, those of objects within it with a dot."""
    yield "| key | value | |\n|---|---|---|"
    for path, kind, required in keys(schema):
        name = f"**`{path}`**" if required else f"`{path}`"
        yield f"| {name} | {value(kind)} | {kind.get('description', '').replace('|', '&#124;')} |"
    yield ""


def keys(schema: Schema, before: str = "") -> Iterator[tuple[str, Schema, bool]]:
    for name, kind in schema.get("properties", {}).items():
        yield before + name, kind, name in schema.get("required", ())
        yield from keys(kind, f"{before}{name}.")
        if "properties" in kind.get("items", {}):
            yield from keys(kind["items"], f"{before}{name}[].")


def value(kind: Schema) -> str:
    """Describe which values a schema allows, in a few words."""
    if "$ref" in kind:
        name = kind["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "const" in kind or "enum" in kind:
        allowed = kind.get("enum", [kind.get("const")])
        return " or ".join(f"`{json.dumps(one)}`" for one in allowed)
    if choices := kind.get("anyOf") or [kind[key] for key in ("then", "else") if key in kind]:
        return " or ".join(dict.fromkeys(map(value, choices)))
    types = kind.get("type", "any")
    words = [types if isinstance(types, str) else " or ".join(types)]
    if "items" in kind and "properties" not in kind["items"]:
        words.append(f"of {value(kind['items'])}")
    words += [f"({text} {kind[key]})" for key, text in RANGES.items() if key in kind]
    return " ".join(words)
