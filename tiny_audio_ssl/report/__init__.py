"""One HTML page about runs: results, a map to listen to, mistakes, learning curves, costs.

- `gather`: scores and embeddings that the page needs, computed where missing
- `results`: scores of several files, with names that are unique on one page
- `table`: table of results, with averages and recovery
- `maps`: coordinates and nearest neighbors of embeddings
- `listening`: short MP3s inside the page
- `enhanced`: mixtures of recordings, and what a run makes of them
- `pictures`: data of the map
- `runs`: a run's folder: checkpoint, learning curves, exported artifacts
- `artifacts`: table of exported artifacts: sizes, SNR, latencies
- `charts`: learning curves as SVG
- `page`: the HTML file (page.html, page.css, page.js)
- `projector`: embeddings for TensorBoard's projector

The page is plain HTML with a small script of its own: interactive plotting libraries weigh 3 to 5
MB before the first sound is in the page, and the tables must be readable without a script.
"""
