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
APP = DEMO / "app" / "src"
RES = APP / "main" / "res"
FEDERATED = APP / "federated" / "res"
GRADLE = tomllib.loads((DEMO / "gradle" / "libs.versions.toml").read_text())
FLAVORS = ("main", "demo", "federated")
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


def strings(folder: str, res: Path = RES) -> dict[str, str]:
    nodes = ElementTree.parse(res / folder / "strings.xml").getroot()
    return {
        node.attrib["name"]: node.text or "" for node in nodes if "translatable" not in node.attrib
    }


@pytest.mark.parametrize("res", [RES, FEDERATED], ids=["main", "federated"])
def test_every_text_is_there_in_three_languages_with_the_same_places(res):
    english, *others = (strings(language, res) for language in LANGUAGES)
    for texts in others:
        assert texts.keys() == english.keys()
        for name, text in texts.items():
            places = re.findall(r"%\d\$[\d.]*\w", text)
            assert sorted(places) == sorted(re.findall(r"%\d\$[\d.]*\w", english[name])), name
            assert not re.search(r"(?<!\\)'", text), f"{name}: an apostrophe needs a backslash"


def test_every_text_is_used_and_none_is_written_in_code():
    files = {name: [*(APP / name).rglob("*.kt"), *(APP / name).rglob("*.xml")] for name in FLAVORS}
    main, _, federated = ("".join(map(Path.read_text, files[name])) for name in FLAVORS)
    for sources, res in ((main, RES), (main + federated, FEDERATED)):
        for name in strings("values", res):
            assert re.search(rf"(R\.string\.|@string/){name}\b", sources), name
    layouts = "".join(file.read_text() for file in APP.glob("*/res/layout/*.xml"))
    attribute = r'android:(?:text|hint|contentDescription)="([^"]*)"'
    assert all(value.startswith("@string/") for value in re.findall(attribute, layouts))


@pytest.mark.parametrize(
    ("file", "set_by_code"),
    [
        (RES / "layout" / "main.xml", {"status", "threshold_label", "sounds", "clips"}),
        (
            FEDERATED / "layout" / "federation.xml",
            {"standing", "enrollment", "key", "minutes_label", "megabytes_label"},
        ),
        (FEDERATED / "layout" / "flavor_buttons.xml", set()),
        (FEDERATED / "layout" / "history.xml", {"summary"}),
        (FEDERATED / "layout" / "history_row.xml", {"row_title", "row_detail"}),
    ],
    ids=lambda given: given.stem if isinstance(given, Path) else "",
)
def test_a_screen_reader_has_something_to_read_of_every_view(file, set_by_code):
    android_ = "{http://schemas.android.com/apk/res/android}"
    told = (f"{android_}text", f"{android_}contentDescription")
    containers = ("ScrollView", "LinearLayout", "merge", "include")
    views = [node for node in ElementTree.parse(file).iter() if node.tag not in containers]
    silent = [view for view in views if not any(view.get(name) for name in told)]
    assert {view.attrib[f"{android_}id"].removeprefix("@+id/") for view in silent} == set_by_code


def test_the_app_hears_and_has_no_network():
    name = "{http://schemas.android.com/apk/res/android}name"
    permissions = [
        node.attrib[name]
        for flavor in ("main", "demo")
        for node in ElementTree.parse(APP / flavor / "AndroidManifest.xml").iter("uses-permission")
    ]
    assert permissions == ["android.permission.RECORD_AUDIO"]


def test_both_builds_have_the_same_flavors():
    script = (DEMO / "build_without_sdk.sh").read_text()
    gradle = (DEMO / "app" / "build.gradle.kts").read_text()
    flavors = re.findall(r'create\("(\w+)"\)', gradle)
    assert flavors == re.findall(r"^  (\w+)\)$", script, re.MULTILINE) == list(FLAVORS[1:])
    suffix = re.search(r'applicationIdSuffix = "(.*)"', gradle)
    assert suffix and f'--rename-manifest-package "$package{suffix[1]}"' in script


def test_the_library_module_knows_no_android():
    sources = [*(DEMO / "encoder").rglob("*.kt"), *(DEMO / "federated").rglob("*.kt")]
    for folder in ("drawing", "participation"):
        sources += (DEMO / "app").rglob(f"{folder}/*.kt")
    assert len(sources) > 60
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


def test_the_app_prefers_a_stream_if_it_reads_as_the_encoder_was_trained():
    def entry(kind: str, precision: str, **more: object) -> dict[str, object]:
        return {"input": {"kind": kind}, "precision": precision, **more}

    windows = entry("waveform", "int8")
    stream = entry("stream", "int8", stream={"as_trained": True})
    sliced = entry("stream", "int8", stream={"as_trained": False})
    exact = entry("stream", "fp32", stream={})  # of an earlier version
    order = sorted([sliced, windows, exact, stream], key=android.preference)
    assert order == [stream, exact, windows, sliced]


def test_an_export_without_sound_in_onnx_is_refused(tmp_path, project):
    (tmp_path / "a.pte").write_bytes(b"a")
    entry = {"file": "a.pte", "bytes": 1, "sha256": manifest.sha256(tmp_path / "a.pte")}
    entry |= {"format": "executorch", "precision": "fp32", "input": {"kind": "waveform"}}
    content = {"format_version": manifest.FORMAT_VERSION, "artifacts": [entry]}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="no ONNX artifact"):
        android.install(tmp_path, project)
    assert not android.assets_of(project).exists()
