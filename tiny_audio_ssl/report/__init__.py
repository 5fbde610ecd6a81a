"""One HTML page about runs: results, a map to listen to, mistakes, curves, costs. Works offline.

    results    files of scores -> scores under names that fit one page
    table      scores -> the results table, with its best, averages and recovery
    maps       embeddings -> places on a map, nearest neighbours
    listening  recordings -> short MP3s within the page
    pictures   a labelled task and its models -> what the map shows
    runs       a run's folder -> curves, sizes, what it was made of
    artifacts  RUN/export -> sizes, SNR, latencies
    charts     curves -> SVG
    page       all of it -> one file (page.html, page.css, page.js)
    projector  embeddings -> TensorBoard's projector

The page is plain HTML with a small script of its own rather than a plotting library: those weigh
3 to 5 MB before the first sound is in it, and the table must be readable without a script.
"""

from tiny_audio_ssl.report.listening import Sounds
from tiny_audio_ssl.report.page import Content, write
from tiny_audio_ssl.report.pictures import Picture, picture
from tiny_audio_ssl.report.results import in_order, read_results
from tiny_audio_ssl.report.runs import read_run, short_names

__all__ = [
    "Content",
    "Picture",
    "Sounds",
    "in_order",
    "picture",
    "read_results",
    "read_run",
    "short_names",
    "write",
]
