"""Search for the pretext tasks to combine, and for their weights, guided by a linear probe.

- `search`: SearchConfig; train, probe and record trials until there are enough
- `proposals`: weights to try next
- `trials`: results of the trials, and the file trials.csv
- `summary`: results in the terminal, and the `pretrain` command of the best trial
- `independence`: dependence of pseudo-labels on the sound within a class
- `estimate`: the useful workers of PASE, estimated from it before any training
"""
