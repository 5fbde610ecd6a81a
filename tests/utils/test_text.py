"""Users' text is never markup, a terminal code, a formula or a line of its own."""

from __future__ import annotations

import io
import logging

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.table import Table

from tiny_audio_ssl.data.corpus import Skipped, listing
from tiny_audio_ssl.utils.console import PlainConsole
from tiny_audio_ssl.utils.progress import ProgressBar
from tiny_audio_ssl.utils.text import (
    inert_cell,
    inert_path,
    markdown,
    one_line,
    size_in_words,
    visible,
)

NASTY = [
    "[red]x[/red]",
    "[/]",
    "[link=http://x]y[/link]",
    ":dog:",
    "\x1b[2J",
    "a\\[b]",
    "{0}",
    "%s",
]


def printed(*things: object, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    console = PlainConsole(file=file, width=300, soft_wrap=True, force_terminal=False)
    for thing in things:
        console.print(thing)
    console.print_error("\n".join(map(str, things)))
    return raw.getvalue().decode(encoding)


def test_markup_is_printed_as_it_is() -> None:
    table = Table(title=NASTY[0])
    table.add_column(NASTY[1])
    for text in NASTY:
        table.add_row(text)
    shown = printed(table, *NASTY)
    for text in NASTY:
        assert shown.count(visible(text)) >= 3
    assert "\x1b" not in shown


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(), max_size=30), st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_any_text_is_printed_on_any_terminal(text: str, encoding: str) -> None:
    table = Table("label")
    table.add_row(text)
    shown = printed(text, table, encoding=encoding)
    assert "\x1b" not in shown and "\a" not in shown
    if text.isascii() and text.isprintable() and text.strip():
        assert text.strip() in shown


def test_progress_and_spinner_show_text_as_it_is() -> None:
    file = io.StringIO()
    console = PlainConsole(file=file, width=200, force_terminal=True)
    with ProgressBar("[/] probing [red]x", 2, note="[/b]", console=console) as bar:
        bar.update(1, "[/i]")
    with console.status("reading [/x]") as status:
        status.update("reading [/y]")
    assert "[/] probing [red]x" in file.getvalue() and "[/i]" in file.getvalue()


@given(st.text(st.characters(), max_size=30))
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert len(listing([Skipped(text, text)]).splitlines()) == 2
    one_line(text).encode()


def test_log_records_take_no_format_from_a_name(caplog) -> None:
    logging.getLogger("x").warning(one_line("%s %d {0}\nERROR: forged"))
    assert caplog.messages == ["%s %d {0}\\nERROR: forged"]


def test_formulas_are_inert() -> None:
    for text in ("=1+1", "+x", "-x", "@x", "\tx"):
        assert inert_cell(text)[0] == "'" and inert_path(text) == f"./{text}"
    assert inert_cell("dog") == "dog" and inert_path("a/=b.wav") == "a/=b.wav"


def test_markdown_shows_text_as_it_is() -> None:
    assert markdown("a|b\n<script>") == r"a\|b\\n\<script\>"
    assert markdown("up, down") == "up, down"


def test_a_narrow_terminal_cuts_no_cell_off():
    table = Table()
    table.add_column("path", no_wrap=True)
    table.add_column("sha256")
    table.add_row("recordings/kitchen/kettle.wav", "0123456789" * 3)
    file = io.StringIO()
    PlainConsole(file=file, width=24).print(table)
    assert max(map(len, file.getvalue().splitlines())) == 24
    cells = [line.split("│")[1:3] for line in file.getvalue().splitlines() if line.startswith("│")]
    path, digest = ("".join(part).replace(" ", "") for part in zip(*cells, strict=True))
    assert (path, digest) == ("recordings/kitchen/kettle.wav", "0123456789" * 3)


def test_sizes_have_a_unit_that_fits():
    assert [size_in_words(size) for size in (499, 39_641, 999_999, 1_000_000, 2_940_000)] == [
        "0 kB",
        "40 kB",
        "1000 kB",
        "1.0 MB",
        "2.9 MB",
    ]
