"""The contracts of pretext tasks and encoders, as checks for your own.

- `pretext_checks`: `check_pretext`, and the checks that it runs
- `pretext_case`: a task to check, and the settings of the check
- `leak_check`: no prediction has seen its target
- `encoder_checks`: `check_encoder`, and the checks that it runs

No test framework is needed: a check that fails raises `AssertionError` with the rule that was
broken.
"""

from tiny_audio_ssl.testing.encoder_checks import check_encoder
from tiny_audio_ssl.testing.pretext_case import Goal
from tiny_audio_ssl.testing.pretext_checks import check_pretext

__all__ = ["Goal", "check_encoder", "check_pretext"]
