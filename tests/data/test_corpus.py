from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.audio_files import tone, write
from support.odd_files import kinds, outcome, whole

from tiny_audio_ssl.data.corpus import Clip, open_corpora, open_corpus, split
from tiny_audio_ssl.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/2.wav", "b/10.flac", "a.WAV", "c.ogg"):
        write(tmp_path / name, tone(0.1), kind="s16.wav" if name == "a.WAV" else None)
    return tmp_path


def names(corpus_clips: tuple[Clip, ...]) -> list[str]:
    return [clip.name for clip in corpus_clips]


def test_folder_is_searched_through_in_order(folder: Path) -> None:
    write(folder / ".hidden.wav", tone(0.1))
    write(folder / ".git/x.wav", tone(0.1))
    (folder / "notes.txt").write_text("hello")
    corpus = open_corpus(folder)
    assert names(corpus.clips) == ["a.WAV", "c.ogg", "b/10.flac", "b/2.wav"]
    assert corpus.root == folder and corpus.skipped == ()
    assert all(clip.path.is_file() and clip.end_s is None for clip in corpus.clips)


def test_circular_links_are_followed_once(folder: Path) -> None:
    (folder / "b/up").symlink_to(folder, target_is_directory=True)
    (folder / "b/self").symlink_to(folder / "b", target_is_directory=True)
    (folder / "broken.wav").symlink_to(folder / "none.wav")
    corpus = open_corpus(folder)
    assert len(corpus.clips) == 4
    assert [(entry.path, entry.reason) for entry in corpus.skipped] == [
        ("broken.wav", "not a file")
    ]
    with pytest.raises(UserError, match=r"broken\.wav: not a file"):
        open_corpus(folder, strict=True)


def test_linked_folder_is_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "link").symlink_to(folder, target_is_directory=True)
    assert len(open_corpus(other).clips) == 4


def test_names_that_are_not_unicode_are_skipped(folder: Path) -> None:
    write(folder / "\u3042\u3000\xa0.wav", tone(0.1))
    os.rename(folder / "c.ogg", os.fsencode(folder) + b"/\xff.ogg")
    corpus = open_corpus(folder)
    assert "\u3042\u3000\xa0.wav" in names(corpus.clips)
    assert [entry.reason for entry in corpus.skipped] == ["its name is not UTF-8"]
    assert corpus.skipped[0].path.encode()


def test_folder_without_audio_lists_its_suffixes(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"looked for .*\.flac.*found no files at all"):
        open_corpus(tmp_path)
    for name in ("a.pdf", "b.pdf", "c.txt", "README"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"found 4 other files \(2 \.pdf, 1 "):
        open_corpus(tmp_path)


def test_single_file(folder: Path) -> None:
    assert names(open_corpus(str(folder / "c.ogg")).clips) == ["c.ogg"]


@pytest.mark.parametrize("source", ["nowhere", "nowhere.wav", "builtin:", "builtin:0", "builtin:x"])
def test_other_sources_are_explained(source: str) -> None:
    with pytest.raises(UserError, match=r"give a folder|expected builtin"):
        open_corpus(source)


def test_file_of_another_kind_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").touch()
    with pytest.raises(UserError, match=r"not a \.csv, nor one of"):
        open_corpus(tmp_path / "a.pdf")
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0 ftypM4A ")
    with pytest.raises(UserError, match=r"MP4 \(M4A, AAC\); convert it.* ffmpeg"):
        open_corpus(tmp_path / "a.m4a")


# By the first bytes: what sounds like them, and what only looks similar.
HEADS = {
    "a.m4a": b"\0\0\0 ftypM4A ",
    "b.dat": b"\0\0\0 ftypisom",
    "c.aac": b"\xff\xf1\x50\x80\x01\x1f\xfc",
    "d.wma": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "e.bin": b"\x1a\x45\xdf\xa3",
    "f.amr": b"#!AMR\n",
    "g.raw": b"\1\2\3\4",
    "h.ape": b"MAC ",
}
NO_SOUND = {
    "a.webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "b.heic": b"\0\0\0 ftypheic",
    "c.iff": b"FORM\0\0\0 ILBM",
    "d.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "h.bin": b"\xff\xfb\x90\0 but no second frame",
    "f.txt": b"\xff\xfeh\0e\0l\0l\0o\0",
    "g.mat": b"MATLAB 5.0 MAT-file",
}


def test_other_sound_is_listed_by_ending_or_first_bytes(folder: Path) -> None:
    for name, head in {**HEADS, **NO_SOUND}.items():
        (folder / name).write_bytes(head + bytes(3000))
    corpus = open_corpus(folder)
    assert len(corpus.clips) == 4
    assert [entry.path for entry in corpus.skipped] == sorted(HEADS)
    assert all("; convert it" in entry.reason for entry in corpus.skipped)
    with pytest.raises(UserError, match="8 entries can't be used"):
        open_corpus(folder, strict=True)


@pytest.mark.parametrize("kind", kinds(), ids="-".join)
def test_every_format_is_found_by_its_content(tmp_path: Path, kind: tuple[str, str]) -> None:
    (tmp_path / "a.data").write_bytes(whole(*kind))
    assert names(open_corpus(tmp_path).clips) == ["a.data"]
    assert outcome(tmp_path / "a.data") == "read"


@pytest.mark.parametrize("name", [b"caf\xe9", b"caf\xe9/inner", b"\xff.wav"])
def test_source_whose_path_is_not_unicode_is_refused(folder: Path, name: bytes) -> None:
    place = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
    write_at = place if place.suffix else place / "a.wav"
    write_at.parent.mkdir(parents=True, exist_ok=True)
    (folder / "a.WAV").rename(write_at)
    with pytest.raises(UserError, match=r"\\x(e9|ff).*: its path is not UTF-8; rename") as error:
        open_corpus(place)
    assert str(error.value).encode()


# --- manifests ------------------------------------------------------------------------------


def manifest(folder: Path, text: str) -> Path:
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_manifest(folder: Path) -> None:
    text = f"""\ufeffpath, label,start_s,end_s,note
b/2.wav,dog,0.01,0.05,"a, b"

./c.ogg,cat,,,
,,,,
{folder}/a.WAV,dog,0.02,,x
"""
    corpus = open_corpus(manifest(folder, text))
    assert corpus.column("label") == ["dog", "cat", "dog"]
    assert [(clip.start_s, clip.end_s) for clip in corpus.clips] == [
        (0.01, 0.05),
        (0, None),
        (0.02, None),
    ]
    assert dict(corpus.clips[0].columns) == {"label": "dog", "note": "a, b"}
    assert names(corpus.clips)[:2] == ["b/2.wav", "c.ogg"]
    assert corpus.clips[2].path == folder / "a.WAV"
    with pytest.raises(UserError, match=r"no column 'labels'; the columns are: label, note"):
        corpus.column("labels")


@pytest.mark.parametrize("column", ["path", "filename", "file"])
def test_names_of_the_path_column(folder: Path, column: str) -> None:
    # The first, nameless column is what pandas writes unless told not to.
    corpus = open_corpus(manifest(folder, f",{column},start,end\n0,a.WAV,0,0.1\n"))
    assert corpus.clips[0].end_s == 0.1 and corpus.clips[0].path == folder / "a.WAV"


def test_bad_rows_are_skipped_with_their_line(folder: Path) -> None:
    rows = [
        ("none.wav,,", "not found (line 2)"),
        ("b,,", "not a file (line 3)"),
        ("a.WAV,x,", "start_s is 'x', expected seconds such as 1.5 (line 4)"),
        ("a.WAV,-1,", "start_s is '-1', expected seconds such as 1.5 (line 5)"),
        ("a.WAV,nan,", "start_s is 'nan', expected seconds such as 1.5 (line 6)"),
        ("a.WAV,0,inf", "end_s is 'inf', expected seconds such as 1.5 (line 7)"),
        ("a.WAV,2,1", "ends at 1 s, not after its start at 2 s (line 8)"),
        ("a.WAV,,,oops", "more cells than columns (line 9)"),
        (",1,2", "no path (line 10)"),
    ]
    text = "\n".join(["path,start_s,end_s", *(row for row, _ in rows), "a.WAV", ""])
    corpus = open_corpus(manifest(folder, text))
    assert len(corpus.clips) == 1
    assert [entry.reason for entry in corpus.skipped] == [reason for _, reason in rows]
    with pytest.raises(UserError, match=r"9 entries can't be used"):
        open_corpus(manifest(folder, text), strict=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds nothing; expected .* path, filename, file"),
        ("wav;label\na.WAV;x\n", "holds wav;label; expected comma-separated"),
        ("path,label\n", "no rows"),
        ("path\nnone.wav\n", r"none\.wav: not found \(line 2\)"),
    ],
)
def test_unusable_manifests_are_explained(folder: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_corpus(manifest(folder, text))


def test_manifest_in_another_encoding(folder: Path) -> None:
    (folder / "latin.csv").write_bytes("path,label\na.WAV,caf\xe9\n".encode("latin-1"))
    with pytest.raises(UserError, match="not a CSV in UTF-8"):
        open_corpus(folder / "latin.csv")


# --- several sources ------------------------------------------------------------------------


def test_several_sources_are_one_corpus(folder: Path) -> None:
    (folder / "b/labels.csv").write_text("path,label\n2.wav,dog\nnone.wav,cat\n")
    corpus = open_corpora([folder / "c.ogg", str(folder / "b"), folder / "b/labels.csv"])
    assert names(corpus.clips) == ["c.ogg", "b/10.flac", "b/2.wav", "b/2.wav"]
    assert corpus.root == folder
    assert all(clip.path.samefile(folder / clip.name) for clip in corpus.clips)
    assert corpus.clips[-1].columns == {"label": "dog"}
    assert [(s.path, s.reason) for s in corpus.skipped] == [("b/none.wav", "not found (line 3)")]


def test_single_source_is_just_a_corpus(folder: Path) -> None:
    assert open_corpora([folder]) == open_corpus(folder)
    with pytest.raises(UserError, match=r"not found; give a folder"):
        open_corpora([folder / "none.wav"])


def test_bad_sources_are_skipped_where_others_are_usable(folder: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    (folder / "table.csv").write_text("day;score\n1;2\n")
    (folder / "empty").mkdir()
    bad = [folder / name for name in ("notes.txt", "table.csv", "empty", "none.wav")]
    corpus = open_corpora([*bad, folder / "c.ogg"])
    assert names(corpus.clips) == ["c.ogg"]
    assert [s.path for s in corpus.skipped] == [str(path) for path in bad]
    reasons = [s.reason for s in corpus.skipped]
    assert reasons[0].startswith("not a .csv, nor one of .8svx")
    assert reasons[1:] == ["the first line holds day;score", "no audio", "not found"]
    for sources, strict in (([*bad, folder / "c.ogg"], True), (bad, False)):
        with pytest.raises(UserError, match=r"4 entries can't be used\n(.*\n)*.*none\.wav: not fo"):
            open_corpora(sources, strict)
    with pytest.raises(UserError, match="give folders, audio files"):
        open_corpora([])


# --- splits ---------------------------------------------------------------------------------


def clips(count: int, parts: int = 1) -> list[Clip]:
    return [
        Clip(Path(f"/x/{n}.wav"), part, columns={"who": str(n % 7)}, name=f"{n}.wav")
        for n in range(count)
        for part in range(parts)
    ]


def test_split_is_a_partition_of_about_the_fraction() -> None:
    train, held_out = split(clips(1000), 0.2, seed=0)
    assert sorted(train + held_out) == list(range(1000))
    assert 150 < len(held_out) < 250
    assert (train, held_out) == split(clips(1000), 0.2, seed=0)
    assert held_out != split(clips(1000), 0.2, seed=1)[1]


def test_file_or_group_is_on_one_side() -> None:
    many = clips(60, parts=3)
    for group_column, group in ((None, "name"), ("who", "who")):
        sides = split(many, 0.4, 0, group_column)
        groups = [
            {many[i].columns["who"] if group == "who" else many[i].name for i in side}
            for side in sides
        ]
        assert groups[0] and groups[1] and not groups[0] & groups[1]


def test_split_is_stable_when_recordings_are_added_or_moved() -> None:
    few, many = clips(100), clips(300)
    assert split(many, 0.2, 0)[1][: len(split(few, 0.2, 0)[1])] == split(few, 0.2, 0)[1]
    moved = [Clip(Path("/elsewhere") / clip.name, name=clip.name) for clip in few]
    assert split(moved, 0.2, 0) == split(few, 0.2, 0)


@pytest.mark.parametrize("fraction", [0.001, 0.5, 0.999])
def test_neither_side_of_a_split_is_empty(fraction: float) -> None:
    for seed in range(20):
        assert all(split(clips(2, parts=2), fraction, seed))


def test_split_with_extreme_fractions() -> None:
    assert split(clips(1, parts=3), 0.9, 0) == ([0, 1, 2], [])
    assert split(clips(5), 0, 0) == ([0, 1, 2, 3, 4], [])
    assert split([], 0.5, 0) == ([], [])
    for fraction in (-0.1, 1, float("nan")):
        with pytest.raises(UserError, match="expected 0 up to 1"):
            split(clips(5), fraction, 0)
    with pytest.raises(UserError, match="no column 'speaker'; the columns are: who"):
        split(clips(5), 0.5, 0, "speaker")


def test_empty_group_cells_are_separate_groups() -> None:
    loose = [Clip(Path(f"{n}.wav"), columns={"who": ""}, name=f"{n}.wav") for n in range(50)]
    assert all(split(loose, 0.5, 0, "who"))


@pytest.mark.parametrize("seed", range(5))
def test_groups_that_share_a_sound_stay_on_one_side(seed: int) -> None:
    """Recording i of a thousand has the sound i % 250."""
    sounds = [i % 250 for i in range(1000)]
    train, held_out = split(clips(1000), 0.3, seed, sounds=sounds)
    assert not {sounds[i] for i in train} & {sounds[i] for i in held_out}
    assert 0.2 < len(held_out) / 1000 < 0.4  # copies do not make a side more likely


def test_sounds_that_all_differ_change_no_split() -> None:
    assert split(clips(200), 0.2, 1, sounds=list(range(200))) == split(clips(200), 0.2, 1)


def test_copies_of_one_sound_alone_are_all_trained_on() -> None:
    assert split(clips(4), 0.5, 0, sounds=[7] * 4) == ([0, 1, 2, 3], [])
