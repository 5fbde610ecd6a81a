"""Pages of the site for files outside `docs/` that its pages link to.

A link such as `../benchmarks/suites/small.toml` becomes one to a page of the site: Markdown as it
is, other text as code, a folder as a list of its files. Pictures are copied.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PLACE = "repository"  # of these pages within the site
LINK = re.compile(r"(?P<before>\]\(|(?:src|srcset)=\")(?P<path>[^)#:\"\s]+)(?P<after>[)#\"])")
PICTURES = (".svg", ".png")
LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".sh": "sh"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file that is linked to, and for those that these link to."""
    waiting = [
        Path(config.docs_dir, file.src_uri).relative_to(ROOT).as_posix()
        for file in files.documentation_pages()
    ]
    done = set()
    while waiting:
        page = waiting.pop()
        for target in linked(page, (ROOT / page).read_text(encoding="utf-8")) - done:
            done.add(target)
            files.append(site_file(target, config))
            if target.endswith(".md"):
                waiting.append(target)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links that leave `docs/`, or lie outside it, to the pages made here."""
    here = page.file.src_uri
    source = here.removeprefix(f"{PLACE}/") if here.startswith(f"{PLACE}/") else f"docs/{here}"

    def rewritten(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["path"]))
        if not (ROOT / path).exists():
            return match[0]  # MkDocs reports it
        target = posixpath.relpath(uri(path), posixpath.dirname(here))
        return match["before"] + target + match["after"]

    return LINK.sub(rewritten, markdown)


def linked(page: str, text: str) -> set[str]:
    """Return the existing paths outside `docs/` that a page links to, relative to the root."""
    found = {
        posixpath.normpath(posixpath.join(posixpath.dirname(page), match["path"]))
        for match in LINK.finditer(text)
    }
    return {path for path in found if (ROOT / path).exists() and not path.startswith("docs/")}


def uri(path: str) -> str:
    """Return where a file of the repository lies in the site's sources."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    path = path.removeprefix(".")  # MkDocs leaves out what begins with a dot
    return f"{PLACE}/{path}" + ("" if path.endswith((".md", *PICTURES)) else ".md")


def site_file(path: str, config: MkDocsConfig) -> File:
    place = ROOT / path
    if path.endswith(PICTURES):
        return File.generated(config, uri(path), abs_src_path=str(place))
    if path.endswith(".md"):
        text = place.read_text(encoding="utf-8")
    elif place.is_dir():
        names = sorted(entry.name for entry in place.iterdir() if not entry.name.startswith("_"))
        text = "\n".join([f"# {path}\n", *(f"- `{name}`" for name in names)])
    else:
        code = place.read_text(encoding="utf-8").rstrip()
        text = f"# {path}\n\n``````{LANGUAGES.get(place.suffix, 'text')}\n{code}\n``````\n"
    return File.generated(config, uri(path), content=text)
