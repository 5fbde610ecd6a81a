from __future__ import annotations

import errno
import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.audio_files import noise, tone, write

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.waveform import full_scale_of
from tiny_audio_ssl.data import decoding
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.data.shards import CHANGED, NO_SAMPLES, ShardWriter, Stat
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.cache_dir import default_cache_dir


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six files of 1.0, 1.1, ... s, all different."""
    for n in range(6):
        write(tmp_path / "audio" / f"{n}.flac", noise(1 + n / 10, 22_050, seed=n), 22_050)
    return tmp_path / "audio"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were decoded in this process."""
    seen: list[str] = []

    def spy(path: str) -> object:
        seen.append(Path(path).name)
        return audio.stream(path)

    monkeypatch.setattr(decoding, "stream", spy)
    return seen


def opened(folder: Path, **options: object) -> Recordings:
    options = {"cache_dir": folder.parent / "cache", "workers": 1, "progress": False} | options
    return open_cache(open_corpus(folder), **options)


def shards(folder: Path, ending: str = "arrow") -> list[Path]:
    return sorted((folder.parent / "cache").rglob(f"*.{ending}"))


def assert_same_as_read(recordings: Recordings) -> None:
    for index, clip in enumerate(recordings.clips):
        expected = audio.read(clip.path, clip.start_s, clip.end_s)
        heard = recordings.read(index)
        assert len(heard) == len(expected) == recordings.samples[index]
        assert np.abs(heard - expected).max() <= full_scale_of(expected) / 32768


# --- what comes out -------------------------------------------------------------------------


def test_cached_samples_equal_read(folder: Path) -> None:
    write(folder / "exact.wav", noise(1))
    write(folder / "loud.wav", 2.2 * tone(1), kind="float.wav")
    recordings = opened(folder)
    assert len(recordings) == 8 and recordings.skipped == []
    assert recordings.total_s == pytest.approx(6 + 1.5 + 2, abs=0.01)
    assert_same_as_read(recordings)
    exact = [clip.name for clip in recordings.clips].index("exact.wav")
    np.testing.assert_array_equal(recordings.read(exact), audio.read(folder / "exact.wav"))


def test_reading_across_chunk_boundaries(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "CHUNK_SAMPLES", 1000)
    monkeypatch.setattr("tiny_audio_ssl.data.shards.FLUSH_BYTES", 5000)
    monkeypatch.setattr(decoding, "SHARD_BYTES", 70_000)
    recordings = opened(folder)
    assert len(shards(folder)) > 1
    assert recordings._store.samples.max() == 1000
    assert_same_as_read(recordings)
    rng = np.random.default_rng(0)
    for index in range(len(recordings)):
        whole = recordings.read(index)
        for _ in range(30):
            start, end = sorted(rng.integers(0, len(whole) + 1, 2).tolist())
            part = recordings.read(index, start, end - start)
            np.testing.assert_array_equal(part, whole[start:end])


def test_reading_beyond_a_clip(folder: Path) -> None:
    recordings = opened(folder)
    length = int(recordings.samples[0])
    assert len(recordings.read(0, length)) == 0
    assert len(recordings.read(-1)) == recordings.samples[5]
    for arguments in ((6,), (0, length + 1), (0, -1), (0, 0, length + 1), (0, 5, -1)):
        with pytest.raises(IndexError):
            recordings.read(*arguments)


def test_parts_of_files(folder: Path) -> None:
    text = (
        "path,start_s,end_s\n0.flac,0.25,0.5\n0.flac,0.5,\n1.flac,,9\n2.flac,5,6\n3.flac,0,1e-9\n"
    )
    (folder / "parts.csv").write_text(text)
    recordings = opened(folder / "parts.csv", cache_dir=folder / "cache")
    assert recordings.samples.tolist() == [4000, 8000, 17_600]
    assert_same_as_read(recordings)
    whole = audio.to_float(audio.to_int16(audio.read(folder / "0.flac")))
    np.testing.assert_array_equal(recordings.read(0), whole[4000:8000])
    reasons = [entry.reason for entry in recordings.skipped]
    assert reasons == [
        "nothing from 5 s on: ends at 1.200 s",
        "nothing from 0 s on: ends at 1.300 s",
    ]


def test_select_and_pickle(folder: Path) -> None:
    recordings = opened(folder)
    chosen = recordings.select([4, 1])
    assert [clip.name for clip in chosen.clips] == ["4.flac", "1.flac"]
    for other in (chosen, pickle.loads(pickle.dumps(chosen))):
        np.testing.assert_array_equal(other.read(0), recordings.read(4))
        np.testing.assert_array_equal(other.samples, recordings.samples[[4, 1]])
    assert len(pickle.dumps(recordings)) < 10_000, "samples must not travel"


def test_open_cache_takes_no_file_handles(folder: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    recordings = opened(folder)
    recordings.read(0)
    assert len(os.listdir("/proc/self/fd")) == before


def test_deleted_cache_is_explained(folder: Path) -> None:
    recordings = opened(folder)
    shards(folder)[0].unlink()
    with pytest.raises(UserError, match="deleted while in use"):
        recordings.read(0)


# --- what is decoded again ------------------------------------------------------------------


def test_only_changed_files_are_decoded_again(folder: Path, decoded: list[str]) -> None:
    opened(folder)
    assert len(decoded) == 6
    decoded.clear()
    opened(folder)
    write(folder / "new.wav", noise(1, seed=9))
    write(folder / "3.flac", noise(0.7, seed=10))
    recordings = opened(folder)
    assert decoded == ["3.flac", "new.wav"]
    assert_same_as_read(recordings)


def test_moved_and_touched_files_are_recognized(folder: Path, decoded: list[str]) -> None:
    opened(folder)
    decoded.clear()
    os.utime(folder / "1.flac")
    (folder / "2.flac").rename(folder / "renamed.flac")
    (folder / "copy.flac").write_bytes((folder / "0.flac").read_bytes())
    assert_same_as_read(opened(folder))
    moved = folder.rename(folder.parent / "moved")
    assert_same_as_read(opened(moved))
    assert decoded == []


@pytest.mark.parametrize("age_s", [0, 100])
def test_other_sound_of_the_same_size_and_date_is_decoded(folder: Path, age_s: int) -> None:
    path = write(folder / "a.wav", noise(1.0, seed=1))
    then = time.time_ns() - age_s * 10**9
    for seed in range(2, 5):  # each as soon as possible after the last
        os.utime(path, ns=(then, then))
        before = opened(folder).content(6)
        path.write_bytes(write(folder.parent / "b.wav", noise(1.0, seed=seed)).read_bytes())
        os.utime(path, ns=(then, then))
        assert opened(folder).content(6) != before


def test_unchanged_file_is_not_even_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(folder)
    os.utime(folder / "1.flac")
    opened(folder)  # remembers the new time
    monkeypatch.setattr(decoding, "sha256", lambda path: pytest.fail(f"read {path}"))
    assert len(opened(folder)) == 6


def test_bad_files_are_remembered_with_their_reason(folder: Path, decoded: list[str]) -> None:
    write(folder / "silent.wav", np.zeros(90 * 16_000))
    (folder / "text.mp3").write_text("hello")
    (folder / "gone.wav").touch()
    corpus = open_corpus(folder)
    (folder / "gone.wav").unlink()
    options = {"cache_dir": folder.parent / "cache", "workers": 1, "progress": False}
    for _ in range(2):
        recordings = open_cache(corpus, **options)
        assert len(recordings) == 6
        assert {entry.path: entry.reason for entry in recordings.skipped} == {
            "silent.wav": "silent",
            "text.mp3": "unreadable: not audio in a known format",
            "gone.wav": "not found",
        }
    assert len(decoded) == 8
    with pytest.raises(UserError, match=r"3 entries can't be used\n(.*\n)*.*silent\.wav: silent"):
        open_cache(corpus, strict=True, **options)


def test_file_that_cannot_be_read_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    opened(folder)
    count = len(shards(folder))
    write(folder / "new.wav", noise(1, seed=9))
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "sha256", unreadable)
        recordings = opened(folder)
    assert [(e.path, e.reason) for e in recordings.skipped] == [("new.wav", "input/output error")]
    assert len(shards(folder)) == count, "an empty shard would stay for ever"
    assert len(opened(folder)) == 7


@pytest.mark.parametrize("passing", [True, False])
def test_any_exception_for_one_file_is_its_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str], passing: bool
) -> None:
    honest = decoding.stream
    error = OSError(errno.EIO, "Input/output error") if passing else RuntimeError("odd\nthing")

    def failing(path: str) -> object:
        blocks = honest(path)
        yield next(blocks)
        if path.endswith("2.flac"):
            raise error
        yield from blocks

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "stream", failing)
        patch.setattr(decoding, "CHUNK_SAMPLES", 1000)
        recordings = opened(folder)
    reason = "unreadable: " + ("input/output error" if passing else "RuntimeError: odd thing")
    assert [(e.path, e.reason) for e in recordings.skipped] == [("2.flac", reason)]
    assert len(recordings) == 5
    assert_same_as_read(recordings)
    decoded.clear()
    assert len(opened(folder)) == (6 if passing else 5), "what may pass is tried again"
    assert decoded == (["2.flac"] if passing else [])


def test_interrupted_build_keeps_the_files_that_were_done(
    folder: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    honest = decoding.stream

    def interrupted(path: str) -> object:
        yield from honest(path)
        if path.endswith("3.flac"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "stream", interrupted)
        patch.setattr(decoding, "CHUNK_SAMPLES", 1000)
        with pytest.raises(KeyboardInterrupt):
            opened(folder)
    assert shards(folder, "tmp") == []
    decoded.clear()
    assert_same_as_read(opened(folder))
    assert decoded == ["3.flac", "4.flac", "5.flac"]


def test_no_usable_file_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "audio/silent.wav", np.zeros(100))
    with pytest.raises(UserError, match=r"silent\.wav: silent"):
        opened(tmp_path / "audio")


def test_file_that_changes_meanwhile_is_not_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    honest = decoding.stream

    def growing(path: str) -> object:
        yield from honest(path)
        if path.endswith("2.flac"):
            os.utime(path)

    with monkeypatch.context() as patch:
        patch.setattr(decoding, "stream", growing)
        recordings = opened(folder)
    assert [(e.path, e.reason) for e in recordings.skipped] == [("2.flac", CHANGED)]
    decoded.clear()
    assert len(opened(folder)) == 6 and decoded == ["2.flac"]


@pytest.mark.parametrize("damage", ["cut", "header", "foreign", "empty"])
def test_damaged_shard_is_written_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str], damage: str
) -> None:
    monkeypatch.setattr(decoding, "SHARD_BYTES", 100_000)
    opened(folder)
    count = len(shards(folder))
    decoded.clear()
    shard = shards(folder)[0]
    data = shard.read_bytes()
    damaged = {
        "cut": data[:-500],
        "header": data[:-300] + bytes(290) + data[-10:],
        "foreign": b"x",
        "empty": b"",
    }
    shard.write_bytes(damaged[damage])
    with pytest.warns(UserWarning, match="dropped, to be made anew"):
        recordings = opened(folder)
    assert 0 < len(decoded) < 6 and len(shards(folder)) == count
    assert_same_as_read(recordings)


# --- builds that go wrong -------------------------------------------------------------------


def test_full_disk(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(UserError, match=r"cache.*no space left.*--cache-dir"):
            opened(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert shards(folder) + shards(folder, "tmp") == []
    assert len(opened(folder)) == 6


def test_full_disk_when_a_shard_is_finished(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="no space left"):
            opened(folder)
    assert shards(folder) + shards(folder, "tmp") == []


def test_cache_that_cannot_be_written(folder: Path) -> None:
    (folder.parent / "file").touch()
    with pytest.raises(UserError, match="--cache-dir"):
        opened(folder, cache_dir=folder.parent / "file")


def script(folder: Path, workers: int, before: str = "") -> list[str]:
    cache_dir = folder.parent / "cache"
    code = f"""
import sys
from pathlib import Path
from tiny_audio_ssl.data import cache
from tiny_audio_ssl.audio.waveform import full_scale_of
from tiny_audio_ssl.data import decoding
from tiny_audio_ssl.data.corpus import open_corpus
decoding.FEW_FILES = 0
{before}
if __name__ == "__main__":
    try:
        cache.open_cache(open_corpus({str(folder)!r}), Path({str(cache_dir)!r}), {workers})
    except cache.UserError as error:
        sys.exit(str(error))
"""
    path = folder.parent / "script.py"
    path.write_text(code)
    return [sys.executable, str(path)]


def test_workers_decode_the_same_and_show_progress(folder: Path) -> None:
    as_terminal = os.environ | {"FORCE_COLOR": "1"}  # a pipe gets no bar
    done = subprocess.run(
        script(folder, 2), env=as_terminal, capture_output=True, text=True, check=True
    )
    assert "decoding files" in done.stderr and "6/6" in done.stderr and done.stdout == ""
    assert len(shards(folder)) > 1
    modified = [path.stat().st_mtime_ns for path in shards(folder)]
    assert_same_as_read(opened(folder))
    assert [path.stat().st_mtime_ns for path in shards(folder)] == modified


SLOW = """
def slow(path, stream=decoding.stream):
    import time
    for block in stream(path):
        time.sleep(0.25)
        yield block
decoding.stream = slow
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_build_is_resumed(
    folder: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    before = SLOW + "decoding.SHARD_BYTES = 50_000"
    with subprocess.Popen(script(folder, workers, before), stderr=subprocess.DEVNULL) as build:
        deadline = time.monotonic() + 20
        while not (shards(folder) and shards(folder, "tmp")) and time.monotonic() < deadline:
            time.sleep(0.01)
        build.send_signal(signal.SIGKILL)
    finished, left = shards(folder), shards(folder, "tmp")
    assert finished and left
    time.sleep(1.0 if workers > 1 else 0)  # the workers notice that they are alone
    recordings = opened(folder)
    assert 0 < len(decoded) < 6, "what was finished is kept"
    assert shards(folder, "tmp") == []
    assert_same_as_read(recordings)


def test_shard_being_written_is_not_swept_away(folder: Path) -> None:
    opened(folder)
    shard = ShardWriter(shards(folder)[0].parent)
    opened(folder)
    assert len(shards(folder, "tmp")) == 1
    shard.discard()
    assert shards(folder, "tmp") == shards(folder, "lock") == []


def test_shard_whose_writer_died_is_swept_away(folder: Path) -> None:
    opened(folder)
    place = shards(folder)[0].parent
    for name in ("shard-0.arrow.tmp", "shard-1.arrow.tmp.lock", "shard-2.arrow.tmp"):
        (place / name).touch()
    (place / "shard-2.arrow.tmp.lock").touch()
    opened(folder)
    assert shards(folder, "tmp") == shards(folder, "lock") == []


def test_two_builds_at_once(folder: Path) -> None:
    command = script(folder, 1, SLOW.replace("0.25", "0.1"))
    builds = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [build.wait() for build in builds] == [0, 0]
    assert_same_as_read(opened(folder))
    assert shards(folder, "tmp") == []


def test_killed_worker_names_its_file(folder: Path) -> None:
    deadly = """
def deadly(path, stream=decoding.stream):
    if path.endswith("3.flac"):
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
    return stream(path)
decoding.stream = deadly
"""
    done = subprocess.run(script(folder, 2, deadly), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a worker process was killed" in done.stderr and "3.flac" in done.stderr
    assert "Traceback" not in done.stderr


def test_script_without_main_guard_is_explained(folder: Path) -> None:
    opened(folder)
    with ShardWriter(shards(folder)[0].parent) as shard:
        for n in range(1500):  # so much is known that sending it would fill a pipe
            shard.add(Stat(f"{n}.wav", 1, 1, 1), f"{n:064}", 0, NO_SAMPLES, "silent")
    write(folder / "new.wav", noise(1, seed=9))
    command = script(folder, 2)
    path = Path(command[1])
    path.write_text(path.read_text().replace('__name__ == "__main__"', "True"))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and 'under `if __name__ == "__main__":`' in done.stderr


def test_interrupting_stops_the_workers(folder: Path) -> None:
    write(folder / "0-long.flac", noise(400))
    # A job in the background of a shell ignores Ctrl-C, and so would this script.
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    slow = SLOW.replace("0.25", "0.5") + "decoding.CHUNK_SAMPLES = 16_000"
    command = script(folder, 2, f"{slow}\n{heeds}")
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as build:
        deadline = time.monotonic() + 20
        while len(shards(folder, "tmp")) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)  # until both are at work
        interrupted = time.monotonic()
        os.killpg(build.pid, signal.SIGINT)
        assert build.wait(60) != 0
        assert time.monotonic() - interrupted < 15, "the long file alone takes 20 s"
    assert shards(folder, "tmp") == []


def test_workers_do_not_import_torch() -> None:
    code = "import sys, tiny_audio_ssl.data.cache; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_default_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_AUDIO_SSL_CACHE", "/named")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_cache_dir() == Path("/named")
    monkeypatch.delenv("TINY_AUDIO_SSL_CACHE")
    assert default_cache_dir() == Path("/xdg/tiny-audio-ssl")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache/tiny-audio-ssl"


def test_number_of_workers_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("TINY_AUDIO_SSL_WORKERS", "3")
    assert decoding.default_workers() == 3
    monkeypatch.setenv("TINY_AUDIO_SSL_WORKERS", "many")
    with pytest.raises(UserError, match="expected a number"):
        decoding.default_workers()
