"""Folders keep what others put there; full disks are told in words, whoever finds them full."""

from __future__ import annotations

import errno
import os

import pytest
from safetensors import SafetensorError

from tiny_audio_ssl import UserError
from tiny_audio_ssl.utils import files
from tiny_audio_ssl.utils.files import atomic_file, atomic_folder, explained


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def make(folder, content, replaces):
    with atomic_folder(folder, replaces) as work:
        for name, text in content.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text)


def test_only_listed_files_are_replaced(tmp_path):
    target = tmp_path / "export"
    make(target, {"a": "1", "b": "1", "start/c": "1"}, ())
    for name in ("bench.csv", "app/notes.txt", "start/notes.txt"):
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text("mine")
    (target / "empty").mkdir()
    (target / "link").symlink_to("nowhere")
    (target / "folder-link").symlink_to("app")
    make(target, {"a": "2", "start/c": "2"}, ["a", "b", "start/c"])
    found = tree(target)
    assert {name: found[name] for name in ("a", "start/c")} == {"a": "2", "start/c": "2"}
    mine = {name for name, text in found.items() if text == "mine"}
    assert mine == {"bench.csv", "app/notes.txt", "start/notes.txt"}
    assert "b" not in found and (target / "empty").is_dir()
    assert os.readlink(target / "link") == "nowhere"
    assert (target / "folder-link").is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_a_new_file_never_takes_the_name_of_one_to_be_kept(tmp_path):
    target = tmp_path / "export"
    make(target, {"a": "1"}, ())
    (target / "b").write_text("mine")
    with pytest.raises(UserError, match="b: not written by an earlier run"):
        make(target, {"a": "2", "b": "2"}, ["a"])
    assert tree(target) == {"a": "1", "b": "mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_files_are_kept_without_hard_links(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(errno.EPERM, "no hard links here")

    make(tmp_path / "export", {"a": "1", "b": "mine"}, ())
    monkeypatch.setattr(files.os, "link", refuse)
    make(tmp_path / "export", {"a": "2"}, ["a"])
    assert tree(tmp_path / "export") == {"a": "2", "b": "mine"}


def test_a_failed_exchange_leaves_the_old_folder(tmp_path, monkeypatch):
    make(tmp_path / "export", {"a": "1"}, ())
    rename = os.rename

    def fail_once(old, new):
        if (tmp_path / "export") == new and not fail_once.failed:
            fail_once.failed = True
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(old, new)

    fail_once.failed = False
    monkeypatch.setattr(files.os, "rename", fail_once)
    with pytest.raises(UserError, match="no space left"):
        make(tmp_path / "export", {"a": "2"}, ["a"])
    assert tree(tmp_path / "export") == {"a": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_a_folder_that_a_killed_process_was_exchanging_comes_back(tmp_path, monkeypatch):
    target = tmp_path / "export [1]"
    make(target, {"a": "1"}, ())
    (target / "notes").write_text("mine")
    rename = os.rename

    def die(old, new):
        if new == target:
            raise KeyboardInterrupt
        rename(old, new)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(files.os, "rename", die)  # nothing is put back, as after SIGKILL
        make(target, {"a": "2"}, ["a"])
    assert not target.exists()
    make(target, {"a": "3"}, ["a"])
    assert tree(target) == {"a": "3", "notes": "mine"}
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EFBIG, "File too large"),
        OSError("1024 requested and 96 written"),  # numpy.ndarray.tofile
        SafetensorError("I/O error: No space left on device (os error 28)"),
        RuntimeError("System error."),  # libsndfile
        RuntimeError("[enforce fail] fwrite: Disk quota exceeded"),
    ],
    ids=lambda error: str(error)[:25],
)
def test_full_disks_are_told_in_words(error, tmp_path):
    with pytest.raises(UserError, match=r"x\.npy: no space left"), atomic_file(tmp_path / "x.npy"):
        raise error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EIO, errno.ENAMETOOLONG])
def test_other_reasons_are_told_too(number, tmp_path):
    with pytest.raises(UserError, match=os.strerror(number)), explained(tmp_path / "x"):
        raise OSError(number, os.strerror(number))


def test_the_file_in_question_is_named(tmp_path):
    source = tmp_path / "elsewhere" / "gone.wav"
    target = tmp_path / "out" / "x"
    with pytest.raises(UserError, match=r"gone\.wav: no such file"), explained(target):
        source.read_bytes()


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("late"), BrokenPipeError(32, "")])
def test_what_is_not_about_disks_stays_what_it_is(error, tmp_path):
    with pytest.raises(type(error)), explained(tmp_path / "x"):
        raise error
