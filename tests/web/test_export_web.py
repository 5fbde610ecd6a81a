"""`export --web`: what is written, what is replaced, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import tomllib

import pytest
from support.paths import ROOT

from tiny_audio_ssl import UserError, cli, load, verify
from tiny_audio_ssl.commands.export import Export
from tiny_audio_ssl.export import manifest, web
from tiny_audio_ssl.export.recipe import read


def test_the_page_has_its_artifacts_and_names_its_files(site, exported):
    expected = [a["file"] for a in manifest.trusted(exported)["artifacts"]]
    inside = manifest.read(site / "encoder")  # checks each artifact
    assert [a["file"] for a in inside["artifacts"]] == expected
    names = web.files_of(site)
    assert names is not None
    assert {"encoder/background.bin", *(f"encoder/{file}" for file in expected)} <= set(names)
    assert {"index.html", "service.js", "runtime/ort-wasm-simd-threaded.wasm"} <= set(names)
    assert all((site / name).is_file() for name in names)
    own = [name for name in names if not name.startswith("runtime/")]
    assert sum((site / n).stat().st_size for n in own if "/" not in n) < 200_000  # ours, raw
    assert sum(len(gzip.compress((site / n).read_bytes(), 4)) for n in names) < 6_000_000


def test_installed_packages_include_the_page(built):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["tiny_audio_ssl"]
    package = ROOT / "tiny_audio_ssl"
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    assert {path for path in built.rglob("*") if path.is_file()} <= packed


def test_all_packages_of_the_page_are_pinned_by_their_hashes():
    lock = json.loads((ROOT / "export" / "web" / "package-lock.json").read_text())
    fetched = {
        name: entry
        for name, entry in lock["packages"].items()
        if name.startswith("node_modules/") and not entry.get("link")
    }
    assert "node_modules/onnxruntime-web" in fetched
    assert all(entry["integrity"].startswith("sha512-") for entry in fetched.values())


def test_the_library_can_be_packed(built):
    if not shutil.which("npm"):
        pytest.skip("no npm")
    command = ["npm", "pack", "--dry-run", "--json"]
    encoder = ROOT / "export" / "web" / "encoder"
    done = subprocess.run(command, cwd=encoder, capture_output=True, text=True, check=True)
    (packed,) = json.loads(done.stdout)
    names = {file["path"] for file in packed["files"]}
    assert packed["name"] == "@tiny-audio-ssl/encoder"
    assert {"README.md", "package.json", "dist/index.js", "dist/index.d.ts"} <= names


def test_an_altered_background_is_found(exported, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(exported, copied)
    learned_dim = load("tiny").model.encoder.learned_dim
    assert manifest.trusted(copied)["background"]["dim"] == learned_dim
    content = bytearray((copied / "background.bin").read_bytes())
    content[-1] ^= 1
    (copied / "background.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"background\.bin: truncated or altered"):
        web.install(copied, tmp_path / "page", "tiny")
    problems = verify(copied / manifest.trusted(copied)["artifacts"][0]["file"]).problems
    assert len(problems) == 1 and "background.bin: truncated or altered" in problems[0]


def test_the_page_asks_for_nothing_elsewhere(built):
    page = (built / "index.html").read_text()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'") and "http" not in policy
    worker = (built / "service.js").read_text()
    assert policy in worker  # where it answers itself
    assert not re.search(r"""(src|href|url|@import)\s*[=(]?\s*["']?\s*(https?:)?//""", page)


def test_an_earlier_page_is_replaced_and_other_files_are_kept(built, exported, tmp_path):
    place = tmp_path / "page"
    web.install(exported, place, "first")
    (place / "notes.txt").write_text("mine")
    assert web.install(exported, place, "second") == place / "index.html"
    assert '"model": "second"' in (place / web.FILES).read_text()
    assert (place / "notes.txt").read_text() == "mine"
    assert "notes.txt" not in (web.files_of(place) or [])


def test_what_is_refused_before_the_work(built, exported, tmp_path, monkeypatch):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="not made by `tiny-audio-ssl export --web`"):
        web.check(tmp_path / "page")
    with pytest.raises(UserError, match="a page has one run; 2 given"):
        Export(("a", "b"), web=tmp_path / "new").run()
    with pytest.raises(UserError, match="an input of this run"):
        web.check(exported, [exported])
    content = manifest.trusted(exported)
    del content[manifest.SEAL]
    for entry in content["artifacts"]:
        entry["format"] = "executorch"
    monkeypatch.setattr(manifest, "read", lambda _: content)
    with pytest.raises(UserError, match="no ONNX artifact that takes a stream or a waveform"):
        web.install(exported, tmp_path / "new", "x")
    monkeypatch.setattr(web, "BUILT", tmp_path / "nowhere")
    with pytest.raises(UserError, match="type `make web`"):
        web.check(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_page_has_the_recipe_of_its_name(tmp_path):
    found = Export.with_options(["run", "--web", str(tmp_path)])
    assert found(("run",)).config == read("web").config
    named = Export.with_options(["run", "--web", str(tmp_path), "--recipe", "fastest"])
    assert named(("run",)).config == read("fastest").config
    assert Export.with_options(["run"]) is Export


def test_a_command_makes_a_page(built, tmp_path, sample, capsys):
    few = ["--calibration-clips", "4", "--parity-clips", "4", "--precision", "fp32"]
    forms = ["--input", "stream", *few, "--out", str(tmp_path / "export")]
    assert cli.run(["export", sample, "--web", str(tmp_path / "page"), *forms]) == 0
    about = (tmp_path / "page" / web.FILES).read_text()
    assert json.loads(about.partition("self.PAGE = ")[2])["model"] == sample
    assert "tiny-audio-ssl serve" in capsys.readouterr().err
