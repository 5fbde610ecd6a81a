"""Users' tables: any names, any text; what a column asks for is served or refused in words."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.audio_files import noise, write

from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.data.table import CHANNEL, SAMPLE_RATE, TIME, Requests, _plain, read_table
from tiny_audio_ssl.errors import UserError

OURS = ("path", "split", "embedding", "row", "samples", "name", "line", "label", "[red]", "=1+1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write(folder / "a.wav", noise(3))
    write(folder / "stereo.wav", noise(3)[:, None].repeat(2, 1))
    return folder


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    (folder / "list.csv").write_bytes(text.encode(encoding))
    return folder / "list.csv"


def part(folder: Path, text: str) -> tuple[float, float | None]:
    (clip,) = open_corpus(table(folder, text)).clips
    return clip.start_s, clip.end_s


@pytest.mark.parametrize(
    ("columns", "cells", "expected"),
    [
        ("offset,duration", "0.5,1", (0.5, 1.5)),
        ("duration", "1", (0, 1)),
        ("onset,offset", "0.5,1", (0.5, 1)),
        ("Begin Time (s),End Time (s)", "0.5,1", (0.5, 1)),
        ("begin,end", "0.5,1", (0.5, 1)),
        ("Start,Stop", "0.5,1", (0.5, 1)),
        ("START_S,END_S", "0.5,1", (0.5, 1)),
        ("start_ms,duration_ms", "500,1000", (0.5, 1.5)),
        ("startTime,endTime", "0.5,1", (0.5, 1)),
        ("start_s,end_s,duration", "0.5,1.5,1.0", (0.5, 1.5)),
        ("start_s,start", "0.5,0.5", (0.5, None)),
        ("offset,duration", ",", (0, None)),
    ],
)
def test_columns_that_ask_for_a_part(folder: Path, columns, cells, expected) -> None:
    assert part(folder, f"path,{columns}\na.wav,{cells}\n") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("columns", "cells", "words"),
    [
        ("start_s,start", "1,2", r"start_s is 1 but start is 2; .* \(line 2\)"),
        ("start_s,end_s,duration", "0,1,2", r"ends at 2 s, but the end is 1 s.* \(line 2\)"),
        ("duration", "0", r"not after its start.*\(line 2\)"),
        ("duration", "short", "duration is 'short', expected seconds"),
        ("duration", "1_5", "duration is '1_5', expected seconds"),
        ("start_ms", "-3", "expected milliseconds"),
        ("sample_rate", "8000", r"sample_rate is 8000, but the file has 16000 Hz.*\(line 2\)"),
        ("channel", "2", r"channel is 2, but channels are averaged, and this file has 1"),
    ],
)
def test_rows_that_contradict_are_named(folder: Path, columns, cells, words) -> None:
    with pytest.raises(UserError, match=words):
        open_corpus(table(folder, f"path,{columns}\na.wav,{cells}\n"))


@pytest.mark.parametrize("column", ["start_sample", "End Frame", "offset_samples", "duration_min"])
def test_times_in_other_units_are_refused(folder: Path, column: str) -> None:
    with pytest.raises(UserError, match="expected seconds"):
        open_corpus(table(folder, f"path,{column}\na.wav,3\n"))


@pytest.mark.parametrize(
    ("file", "column", "cell"),
    [
        ("a.wav", "sample_rate", "16000"),
        ("a.wav", "Sampling Rate (kHz)", "16"),
        ("a.wav", "sample_rate", ""),
        ("a.wav", "channel", "0"),
        ("stereo.wav", "channel", "BBC One"),
        ("stereo.wav", "channels", "2"),
    ],
)
def test_notes_that_ask_for_nothing_are_kept(folder: Path, file, column, cell) -> None:
    (clip,) = open_corpus(table(folder, f"Path,{column}\n{file},{cell}\n")).clips
    assert clip.columns == {column: cell}


def test_a_channel_of_two_is_refused(folder: Path) -> None:
    for cell in ("0", "1", "left", "R"):
        with pytest.raises(UserError, match="channels are averaged, and this file has 2"):
            open_corpus(table(folder, f"path,channel\nstereo.wav,{cell}\n"))


def test_duplicate_names_are_refused_and_nameless_columns_numbered(folder: Path) -> None:
    with pytest.raises(UserError, match="two columns are named 'label'"):
        open_corpus(table(folder, "path,label, label\na.wav,dog,cat\n"))
    (clip,) = open_corpus(table(folder, ",path,,\n7,a.wav,,\n")).clips
    assert clip.columns == {"column 1": "7"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_encodings_that_are_accepted(folder: Path, encoding: str) -> None:
    (clip,) = open_corpus(table(folder, "path,étiquette\r\na.wav,犬\r\n", encoding)).clips
    assert clip.columns == {"étiquette": "犬"}


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused_in_words(folder: Path, encoding: str) -> None:
    with pytest.raises(UserError, match="not a CSV in UTF-8"):
        open_corpus(table(folder, "path,label\na.wav,café\n", encoding))


def test_an_open_quote_is_refused_rather_than_swallowing_rows(folder: Path) -> None:
    with pytest.raises(UserError, match="not a CSV in UTF-8"):
        open_corpus(table(folder, 'path,label\na.wav,"dog\na.wav,cat\n'))


def test_a_cell_that_is_too_large_is_told_by_its_size(folder: Path) -> None:
    with pytest.raises(UserError, match=r"a cell has more than 131,072 characters.*leave that"):
        open_corpus(table(folder, f"path,notes\na.wav,{'x' * 200_000}\n"))


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"])
def test_cells_with_line_breaks_keep_rows_and_line_numbers(folder: Path, break_: str) -> None:
    lines = ["path,notes,duration", f'a.wav,"one{break_}two, ""three""",1', "a.wav,,wrong"]
    corpus = open_corpus(table(folder, break_.join(lines)))
    assert [clip.columns["notes"] for clip in corpus.clips] == [f'one{break_}two, "three"']
    assert [one.reason.endswith("(line 4)") for one in corpus.skipped] == [True]


def asks(name: str) -> bool:
    patterns = (TIME, SAMPLE_RATE, CHANNEL)
    return any(pattern.fullmatch(_plain(name)) for pattern in patterns)


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
names = (
    st.lists(st.one_of(text, st.sampled_from(OURS)).map(str.strip), max_size=6, unique=True)
    .map(lambda found: [name for name in found if name and not asks(name)])
    .map(lambda found: [n for n in found if n.casefold() not in ("path", "file", "filename")])
)


@settings(max_examples=150, deadline=None)
@given(names, st.data())
def test_any_table_keeps_its_meaning(folder: Path, names: list[str], data) -> None:
    rows = data.draw(st.lists(st.tuples(*[text for _ in names]), min_size=1, max_size=3))
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["path", *names], *(["a.wav", *row] for row in rows)])
    corpus = open_corpus(folder / "list.csv", strict=True)
    assert [tuple(clip.columns.items()) for clip in corpus.clips] == [
        tuple(zip(names, row, strict=True)) for row in rows
    ]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_refused_in_words(folder: Path, content: bytes) -> None:
    (folder / "bytes.csv").write_bytes(b"path,label\n" + content)
    try:
        open_corpus(folder / "bytes.csv")
    except UserError as error:
        assert "bytes.csv" in str(error)


@settings(max_examples=200, deadline=None)
@given(st.lists(text, max_size=6))
def test_finding_requests_never_fails_but_in_words(names: list[str]) -> None:
    assert Requests.of([name for name in names if not asks(name)]) == Requests({}, {}, {}, [], [])


def test_rows_begin_on_the_line_that_is_named(folder: Path) -> None:
    path = table(folder, 'path,note\n\n"a.wav","two\nlines"\na.wav,x\n')
    assert [row.line for row in read_table(path)[1]] == [3, 5]
