"""Benchmarks: how fast artifacts run here, beside the eager model, and on phones.

- `run`: the function `bench`
- `settings`: targets, how often to run, how to treat phones
- `named_models`: exports of models given by name
- `subjects`, `discovery`, `eager`, `peers`: what is timed, and how it is found
- `sound`: the input of all subjects
- `on_host`, `on_phones`: time subjects, as measurements
- `native`, `phone`: the C++ runner on this machine and on phones
- `measurement`: the times of one subject on one device
- `reference_check`: whether artifacts give their reference outputs here
- `roofline`, `matrix_product`: the processor's peak
- `statistics`, `baseline`, `rows`: intervals, ratios, and a row for each measurement
- `saved_rows`: rows that were written to a CSV on another day
- `tables`, `chart`, `compare`: rows as a table or as bars, and compared with those of another day
- `machine`: names of this machine and its system
"""

from tiny_audio_ssl.utils.callable_package import make_callable

make_callable(__name__, "tiny_audio_ssl.bench.run:bench")
