""".item files: what is read and written, and what is refused with which words."""

from __future__ import annotations

import shutil

import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.speech.items import Item, audio_clips, read_items, write_items

HEADER = "#file onset offset #phone prev-phone next-phone speaker"
LINE = "6295-244435-0009 0.2925 0.4725 IH L NG 6295"
ITEM = Item("6295-244435-0009", 0.2925, 0.4725, "IH", "L", "NG", "6295")


def test_a_file_of_zerospeech(tmp_path):
    path = tmp_path / "dev.item"
    path.write_text(f"{HEADER}\n{LINE}\n\n")
    assert read_items(path) == [ITEM]


def test_other_columns_and_another_order(tmp_path):
    path = tmp_path / "dev.item"
    path.write_text("speaker #phone onset offset #file next-phone prev-phone word\n")
    with path.open("a") as file:
        file.write("6295 IH 0.2925 0.4725 6295-244435-0009 NG L linger\n")
    assert read_items(path) == [ITEM]


def test_written_and_read(tmp_path):
    write_items(tmp_path / "a.item", [ITEM, ITEM])
    assert read_items(tmp_path / "a.item") == [ITEM, ITEM]
    assert (tmp_path / "a.item").read_text().splitlines() == [HEADER, LINE, LINE]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column #file, onset, .*begins with #file onset"),
        ("path,label\na.wav,dog\n", "no column #file"),
        (f"{HEADER}\n", "has no phones"),
        (
            f"{HEADER}\nmy file 0 1 A B C s\n",
            "line 2: 8 values for 7 columns.*none of them may",
        ),
        (f"{HEADER}\n{LINE}\nf 0.5 0.5 A B C s\n", "line 3: from 0.5 to 0.5; expected seconds"),
        (f"{HEADER}\nf -1 0.5 A B C s\n", "line 2: from -1 to 0.5"),
        (f"{HEADER}\nf 0 nan A B C s\n", "line 2: from 0 to nan"),
        (f"{HEADER}\nf 0 1s A B C s\n", "line 2: from 0 to 1s"),
    ],
)
def test_what_is_no_item_file(tmp_path, text, message):
    path = tmp_path / "bad.item"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_items(path)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"absent.item: can't be read.*give an .item file"):
        read_items(tmp_path / "absent.item")


def test_recordings_are_found_by_name(tones):
    items = read_items(tones / "tones.item")
    clips = audio_clips(items, tones)
    assert [clip.path.stem for clip in clips] == [f"take{i}" for i in range(6)]
    in_folders = [Item(f"speaker0/{items[0].file}", 0, 1, "LOW", "-", "-", "s")]
    assert audio_clips(in_folders, tones)[0].path == tones / "speaker0" / "take0.wav"


def test_recordings_that_are_not_there(tones):
    items = [Item(f"take{i}", 0, 1, "LOW", "-", "-", "s") for i in range(20)]
    with pytest.raises(UserError, match=r"no recording of take6, .*take10 and 9 more; --audio"):
        audio_clips(items, tones)


def test_a_name_of_two_recordings(tones, tmp_path):
    folder = shutil.copytree(tones, tmp_path / "two")
    shutil.copy(folder / "speaker0" / "take0.wav", folder / "speaker1" / "take0.wav")
    items = [Item("take0", 0, 1, "LOW", "-", "-", "s")]
    with pytest.raises(UserError, match=r"'take0' may be speaker0/take0.wav and speaker1/take0"):
        audio_clips(items, folder)
