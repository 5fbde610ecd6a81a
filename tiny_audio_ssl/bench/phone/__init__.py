"""Measurements on phones over adb.

- `adb`: the client
- `device`: what a phone says about itself
- `runner`, `app`: the C++ runner and the demo app on a phone
- `folder`: a temporary folder on a phone
- `energy`: estimates from the battery's counters
"""
