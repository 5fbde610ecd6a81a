"""The Android project as it lies there: versions, texts, permissions, what export puts in."""

from __future__ import annotations

import inspect
import json
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from support.paths import ROOT

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench.phone import app as phone_app
from tiny_audio_ssl.commands.export import Export
from tiny_audio_ssl.export import android, manifest

DEMO = ROOT / "android_demo"
RES = DEMO / "app" / "src" / "main" / "res"
GRADLE = tomllib.loads((DEMO / "gradle" / "libs.versions.toml").read_text())
LANGUAGES = ("values", "values-de", "values-es")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@pytest.mark.parametrize("package", ["onnxruntime", "executorch"])
def test_the_phones_runtime_is_not_older_than_the_exporters(package):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    (pin,) = {d for group in extras.values() for d in group if re.match(rf"{package}[>=]", d)}
    exporter = re.search(r">=([\d.]+)", pin)
    assert exporter
    assert numbers(GRADLE["versions"][package]) >= numbers(exporter[1])


def test_both_builds_put_a_shipped_model_into_an_app_without_encoder():
    script = (DEMO / "build_without_sdk.sh").read_text()
    gradle = (DEMO / "app" / "build.gradle.kts").read_text()
    command = 'tiny_audio_ssl export "${MODEL:-small}" --recipe live-microphone --format onnx'
    assert command in script
    words = re.findall(r'"([^"]*)"', gradle.partition("ProcessBuilder(")[2].partition(")")[0])
    assert " ".join(words[1:6]) == "tiny_audio_ssl export small --recipe live-microphone"


def test_every_version_that_gradle_files_name_is_there_and_used():
    used: set[str] = set()
    for file in DEMO.rglob("*.gradle.kts"):
        text = file.read_text()
        used |= {name.removesuffix(".get") for name in re.findall(r"libs\.versions\.(\w+)", text)}
        for name in re.findall(r"libs\.((?!versions)[\w.]+)\)", text):
            kind, _, plugin = name.partition(".")
            table = GRADLE["plugins"] if kind == "plugins" else GRADLE["libraries"]
            used.add(
                table[(plugin if kind == "plugins" else name).replace(".", "-")]["version"]["ref"]
            )
    assert used == set(GRADLE["versions"])


def test_kotlin_is_the_one_that_is_tried():
    pinned = (DEMO / "without_sdk" / "packages.py").read_text()
    assert f'"kotlin-compiler@{GRADLE["versions"]["kotlin"]}"' in pinned


def test_both_builds_make_an_app_of_that_name_for_the_same_processors():
    script = (DEMO / "build_without_sdk.sh").read_text()
    gradle = (DEMO / "app" / "build.gradle.kts").read_text()
    asked = re.search(r'^abis="(.*)"$', script, re.MULTILINE)
    filters = re.search(r"abiFilters \+= listOf\((.*)\)", gradle)
    assert asked and filters
    assert asked[1].split() == re.findall(r'"(.*?)"', filters[1])
    for text in (f"package={phone_app.PACKAGE}\n", f'applicationId = "{phone_app.PACKAGE}"'):
        assert text in script + gradle


def test_the_app_reads_what_the_host_writes_and_writes_what_it_reads():
    source = next(DEMO.rglob("BenchmarkActivity.kt")).read_text()
    host = inspect.getsource(phone_app)
    extras = set(re.findall(r'get\w+Extra\("(\w+)"', source))
    assert extras == set(re.findall(r"--e[si] (\w+)", host)) != set()
    assert f'"{Path(phone_app.RESULT).name}"' in source


def strings(folder: str) -> dict[str, str]:
    nodes = ElementTree.parse(RES / folder / "strings.xml").getroot()
    return {
        node.attrib["name"]: node.text or "" for node in nodes if "translatable" not in node.attrib
    }


def test_every_text_is_there_in_three_languages_with_the_same_places():
    english, *others = map(strings, LANGUAGES)
    for texts in others:
        assert texts.keys() == english.keys()
        for name, text in texts.items():
            places = re.findall(r"%\d\$[\d.]*\w", text)
            assert sorted(places) == sorted(re.findall(r"%\d\$[\d.]*\w", english[name])), name
            assert not re.search(r"(?<!\\)'", text), f"{name}: an apostrophe needs a backslash"


def test_every_text_is_used_and_none_is_written_in_code():
    sources = "".join(file.read_text() for file in (DEMO / "app" / "src" / "main").rglob("*.kt"))
    sources += "".join(file.read_text() for file in (DEMO / "app" / "src" / "main").rglob("*.xml"))
    for name in strings("values"):
        assert re.search(rf"(R\.string\.|@string/){name}\b", sources), name
    layouts = "".join(file.read_text() for file in (RES / "layout").glob("*.xml"))
    attribute = r'android:(?:text|hint|contentDescription)="([^"]*)"'
    assert all(value.startswith("@string/") for value in re.findall(attribute, layouts))


def test_a_screen_reader_has_something_to_read_of_every_view():
    android_ = "{http://schemas.android.com/apk/res/android}"
    told = (f"{android_}text", f"{android_}contentDescription")
    layout = ElementTree.parse(RES / "layout" / "main.xml").getroot()
    views = [node for node in layout.iter() if node.tag not in ("ScrollView", "LinearLayout")]
    silent = [view for view in views if not any(view.get(name) for name in told)]
    names = {view.attrib[f"{android_}id"].removeprefix("@+id/") for view in silent}
    assert names == {"status", "threshold_label", "sounds", "clips"}  # the code sets their texts


def test_the_app_hears_and_has_no_network():
    root = ElementTree.parse(DEMO / "app" / "src" / "main" / "AndroidManifest.xml").getroot()
    name = "{http://schemas.android.com/apk/res/android}name"
    permissions = [node.attrib[name] for node in root.iter("uses-permission")]
    assert permissions == ["android.permission.RECORD_AUDIO"]


def test_the_library_module_knows_no_android():
    sources = [*(DEMO / "encoder").rglob("*.kt"), *(DEMO / "app").rglob("drawing/*.kt")]
    assert len(sources) > 20
    for file in sources:
        assert not re.search(r"^import android", file.read_text(), re.MULTILINE), file


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "demo" / "app" / "src" / "main").mkdir(parents=True)
    return tmp_path / "demo"


def test_what_is_no_project_or_several_runs_is_refused_before_the_export(tmp_path, project):
    with pytest.raises(UserError, match="not an Android project"):
        Export((tmp_path,), android=tmp_path).run()
    with pytest.raises(UserError, match="takes one run; 2 given"):
        Export((tmp_path, tmp_path), android=project).run()


def test_an_export_without_sound_in_onnx_is_refused(tmp_path, project):
    (tmp_path / "a.pte").write_bytes(b"a")
    entry = {"file": "a.pte", "bytes": 1, "sha256": manifest.sha256(tmp_path / "a.pte")}
    entry |= {"format": "executorch", "precision": "fp32", "input": {"kind": "waveform"}}
    content = {"format_version": manifest.FORMAT_VERSION, "artifacts": [entry]}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="no ONNX artifact"):
        android.install(tmp_path, project)
    assert not android.assets_of(project).exists()
