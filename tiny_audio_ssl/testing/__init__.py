"""The contracts of pretext tasks and encoders, to test tasks and encoders of your own by.

- `pretext_checks`: `check_pretext`, and the checks that it makes
- `pretext_case`: a task to check, and what to check it with
- `leak_check`: that no prediction has seen its target
- `encoder_checks`: `check_encoder`, and the checks that it makes

No test framework is needed: a check that fails raises `AssertionError`, which says what the
contract asks for.
"""

from tiny_audio_ssl.testing.encoder_checks import check_encoder
from tiny_audio_ssl.testing.pretext_case import Goal
from tiny_audio_ssl.testing.pretext_checks import check_pretext

__all__ = ["Goal", "check_encoder", "check_pretext"]
