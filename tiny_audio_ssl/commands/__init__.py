"""The commands of the program, one module each.

- `base`: what they share
- `registry`: all commands by name, each imported when it runs
"""
