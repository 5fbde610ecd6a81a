"""Speech: ABX errors, PNMI, voices and emotions; means over the seeds of a run."""

from __future__ import annotations

from tables.rows import Row, markdown, over_seeds, rows

MEASURES = {
    "abx_keywords_across": "ABX words",
    "abx_made_within": "ABX made, one voice",
    "abx_made_across": "ABX made, two voices",
    "pnmi_keywords": "PNMI words",
    "pnmi_made": "PNMI made",
    "own_pnmi_keywords": "PNMI words, own units",
    "eer_librispeech": "EER Libri",
    "eer_emodb": "EER EmoDB",
    "speaker_emodb": "speaker",
    "emotion_emodb": "emotion",
}


def speech_table(file: str = "speech") -> str:
    """Models with their encoders x measures: means over the seeds, with 95 % intervals."""
    measures = {name: title for name, title in MEASURES.items() if name in rows(file)[0]}
    lines = []
    for key in dict.fromkeys(map(_model_of, rows(file))):
        own = [row for row in rows(file) if _model_of(row) == key]
        cells = [over_seeds([row[name] for row in own if row[name]]) for name in measures]
        lines.append([*key, *cells])
    return markdown(["features", "encoder", *measures.values()], lines)


def setting(name: str) -> str:
    """Return a setting that all encoders share: hop_ms, window_ms or units."""
    (value,) = {row[name] for row in rows("speech") if row[name]}
    return f"{float(value):g}"


def _model_of(row: Row) -> tuple[str, str]:
    return row["model"], f"`{row['encoder']}`" if row["encoder"] else ""
