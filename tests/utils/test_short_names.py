"""Short names that tell folders apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.utils.files import short_names


def test_short_names():
    paths = [Path("/a/x/run"), Path("/a/y/run")]
    assert short_names(paths) == ["x/run", "y/run"]
    assert short_names([Path("/a/x/run"), Path("/a/x/other")]) == ["run", "other"]
    with pytest.raises(UserError, match="twice"):
        short_names([Path("/a/run"), Path("/a/run")])
