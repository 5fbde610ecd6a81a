"""docs/results.md and the README's table are what the committed CSV files say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from support.paths import ROOT
from support.scripts import imported

HOW = "run `make results` and commit what it writes"


@pytest.fixture(scope="module")
def results_table():
    """The script, imported as it is run: with benchmarks/ on the path."""
    with imported("results_table") as (script,):
        yield script


def test_the_page_is_up_to_date(results_table):
    assert results_table.PAGE.read_text(encoding="utf-8") == results_table.page(), HOW


def test_the_tables_on_other_pages_are_up_to_date(results_table):
    for file, table in results_table.tables_elsewhere().items():
        text = file.read_text(encoding="utf-8")
        assert results_table.with_table(text, table) == text, HOW
        assert text.count(results_table.START) == text.count(results_table.END) <= 1


def test_only_the_text_between_the_markers_is_replaced(results_table):
    start, end = results_table.START, results_table.END
    table = results_table.comparison.readme_table()
    before = f"# Title\n\n{start}\nold \\1 text\n{end}\nmore\n"
    after = results_table.with_table(before, table)
    assert after.startswith(f"# Title\n\n{start}\n| embedding |") and after.endswith(
        f"|\n{end}\nmore\n"
    )
    assert results_table.with_table(after, table) == after
    assert 7 <= len(after.splitlines()) - 6 <= 9  # five to seven rows below a head of two


def test_every_file_of_results_is_on_the_page(results_table):
    text = results_table.PAGE.read_text(encoding="utf-8")
    for file in (ROOT / "benchmarks" / "results").glob("*.csv"):
        script = {
            "search": "tiny-audio-ssl search",
            "latency": "latency_results.py",
            "corpus": "python benchmarks/corpus",
            "ablations": "benchmarks/weights/ablations.py",
            "comparison_tasks": "benchmarks/comparison.py",
            "browser_sizes": "benchmarks/browser.py",
            "encoder_artifacts": "results/encoder_artifacts.csv",
            "pretext_tasks": "results/pretext_tasks.csv",
            "pretext_tasks_speech": "results/pretext_tasks.csv",
        }
        assert script.get(file.stem, f"benchmarks/{file.stem}.py") in text, file.name


def test_sections_of_results_that_are_measured_apart(results_table, tmp_path, monkeypatch, request):
    rows = results_table.rows
    for file in rows.RESULTS.glob("*.csv"):
        shutil.copy(file, tmp_path)
    (tmp_path / "few_labels.csv").write_text(
        "way,share,labels,draw,accuracy\nCLAR,0.01,9,0,0.6\nCLAR,0.01,9,1,0.8\nCLAR,1.0,780,0,0.9\n"
    )
    (tmp_path / "estimate.csv").write_text(
        "task,worker,dependence,accuracy,correlation\nwords,mfcc,0.1,0.6,-1\nwords,lps,0.2,0.7,-1\n"
        "voices,mfcc,0.1,0.9,\nvoices,lps,0.2,0.9,\n"
    )
    (tmp_path / "ablations.csv").write_text(
        "variant,seed,readout,dim,task,accuracy\n"
        + "".join(
            f"no noise,{seed},{readout},9,{task},{0.8 + seed / 10}\n"
            for seed in (0, 1)
            for readout in ("last", "last middle", "last middle mel")
            for task in ("ESC-10", "ESC-50 fold 4")
        )
    )
    (tmp_path / "native_device.csv").write_text(
        "device,measure,value\npython,most_mb,617.2\nnative,most_mb,99.7\nnative,core_s_to_start,0.3\n"
    )
    (tmp_path / "training_tasks.csv").write_text("task,refused_by\ncola,\n")
    (tmp_path / "operators.csv").write_text(
        "model,input,runtime,precision,part,kind,us,sum_us,untraced_us,operators\n"
        "small,waveform,executorch,fp32,front-end,Log,30.0,90.0,90.0,2\n"
        "small,waveform,executorch,fp32,encoder,Convolution,60.0,90.0,90.0,2\n"
        "small,waveform,executorch,int8,front-end,Log,30.0,60.0,60.0,2\n"
        "small,waveform,executorch,int8,encoder,Convolution,30.0,60.0,60.0,2\n"
        "small,waveform,onnxruntime,fp32,encoder,Conv,90.0,90.0,87.0,2\n"
    )
    (tmp_path / "packet_forms.csv").write_text(
        "form,runtime,p50_ms,times_as_shipped,low_95,high_95\n"
        "whole kernels,executorch,0.05,1.25,1.2,1.3\nwhole kernels,onnxruntime,0.06,1.1,1.0,1.2\n"
    )
    (tmp_path / "training_profile.csv").write_text(
        "task,encoder,step_ms,data share,forward share\ncola,mobile,38.0,0.05,0.4\n"
    )
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    request.addfinalizer(rows.rows.cache_clear)
    rows.rows.cache_clear()
    text = results_table.page()
    assert "| way to learn | 9 labels | 780 labels |" in text
    assert "| CLAR | 0.700 [0.600, 0.800] | 0.900 |" in text
    assert "| no noise | 2 | .850 | .850 | .850 | .850 |" in text
    assert "33 % of fp32 and 50 % of int8" in text
    assert "trace adds 1.5 microseconds to every operator" in text
    assert "| executorch | encoder | Convolution | 60.0 | 30.0 | 2.00 |" in text
    assert "| whole kernels | 0.050 | 1.25 [1.20, 1.30] | 0.060 | 1.10 [1.00, 1.20] |" in text
    assert "| `cola` | `mobile` | 38.0 | 5 | 40 |" in text
    assert "| words | -1.00 | `mfcc` | `lps` |" in text
    assert "correlations is -1.00" in text and "differ by\n0 to 10 points" in text
    assert "| largest memory, MB | 617 | 100 |" in text
    assert "| seconds of one core to start |  | 0.30 |" in text
    assert "| `cola` | yes |  |" in results_table.tables_elsewhere()[results_table.TRAINING]


def test_links_of_the_page_lead_somewhere(results_table):
    text = results_table.PAGE.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    for link in links:
        assert (results_table.PAGE.parent / Path(link)).exists(), link
