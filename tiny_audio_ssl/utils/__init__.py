"""Helpers that every other package may use.

- `cache_dir`: the cache folder
- `callable_package`: packages that can be called like the function of their name
- `claim`: one process at a time in a folder
- `extras`: optional packages, imported when they are needed
- `fabric`: Lightning Fabric, imported quickly
- `files`: atomic writing of files and folders
- `ownership`: whether a file may be written
- `progress`: the progress bar
- `quiet`: silence for libraries that write to the terminal
"""
