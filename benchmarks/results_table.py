"""Write docs/results.md from the committed CSV files, and refresh the tables on other pages.

python benchmarks/results_table.py    # or: make results

The prose is in results_template.md, which calls the functions in tables/. Nothing is measured. On
other pages, a table lies between two markers.
"""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
from tables import (
    byproducts,
    comparison,
    corpus,
    cost,
    federation,
    pareto,
    pretext,
    profile,
    quality,
    robustness,
    rows,
    speech,
)

HERE = Path(__file__).parent
ROOT = HERE.parent
PAGE, README = ROOT / "docs" / "results.md", ROOT / "README.md"
TRAINING = ROOT / "docs" / "training-on-device.md"
ENCODERS = ROOT / "docs" / "encoders.md"
TEMPLATE = HERE / "results_template.md"
START, END = "<!-- results:start -->", "<!-- results:end -->"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    for file, table in tables_elsewhere().items():
        text = file.read_text(encoding="utf-8")
        if START in text:
            file.write_text(with_table(text, table), encoding="utf-8")


def tables_elsewhere() -> dict[Path, str]:
    """Return the tables of pages whose other text is written by hand."""
    return {
        README: comparison.readme_table(),
        TRAINING: cost.training_tasks_table(),
        ENCODERS: cost.encoder_table(),
    }


def page() -> str:
    """Return docs/results.md."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    tables = {
        "byproducts": byproducts,
        "comparison": comparison,
        "corpus": corpus,
        "cost": cost,
        "federation": federation,
        "pareto": pareto,
        "pretext": pretext,
        "profile": profile,
        "quality": quality,
        "robustness": robustness,
        "speech": speech,
    }
    return template.render(**tables, rows=rows)


def with_table(text: str, table: str) -> str:
    """Return the text of a page with a fresh table between its markers."""
    block = f"{START}\n{table}\n{END}"
    pattern = f"{re.escape(START)}.*?{re.escape(END)}"
    return re.sub(pattern, lambda _: block, text, flags=re.DOTALL)


if __name__ == "__main__":
    main()
