"""Phones over adb: what they are, and programs run on them round by round.

- `adb`: the client
- `state`: model, cores, temperatures and battery, as a phone reports them
- `folder`: a temporary folder on a phone
- `energy`: estimates from the battery's counters
- `runner`, `app`: the C++ runner and the demo app on a phone
- `rounds`: jobs on one phone, repeated until their medians agree
- `run`: jobs on every attached phone
"""
