"""Helpers that every other package may use.

- `files`: atomic writing of files and folders
- `quiet`: silence for libraries that write to the terminal
- `extras`: optional packages, imported when they are needed
"""
