"""The C++ runner: a program that loads an artifact, feeds it sound, times it and prints JSON.

- `options`: its command-line arguments
- `result`: the JSON line that it prints
- `packages`: the runtimes' libraries and headers
- `build`: compile it for this machine, for 64-bit ARM Linux, or with the Android NDK
- `run`: run it on this machine
"""
