"""One file for each task, or for a few that differ in little; `registry` names them."""
