"""One file for each task, or for a few similar ones; `registry` names them."""
