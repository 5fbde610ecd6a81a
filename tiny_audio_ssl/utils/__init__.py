"""Helpers that every other package may use.

- `allocator`: freed memory, kept for the next training step
- `cache_dir`: the cache folder
- `callable_package`: packages that can be called like the function of their name
- `claim`: one process at a time in a folder
- `components`: connected components of linked items
- `console`: a terminal that shows text as it is
- `extras`: optional packages, imported when they are needed
- `files`: atomic writing of files and folders
- `light_imports`: large packages, imported without parts that are slow and unused
- `ownership`: whether a file may be written
- `progress`: the progress bar
- `quiet`: silence for libraries that write to the terminal
- `random_state`: PyTorch's random state, seeded for a while
- `ranges`: checks of numeric settings
- `text`: users' text in a terminal, a log, a table, Markdown
- `threads`: PyTorch's threads, set for a while
- `written_by`: the message about files of another version
"""
