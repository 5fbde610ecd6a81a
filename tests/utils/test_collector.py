"""The garbage collector waits while a block runs, and is then as it was."""

from __future__ import annotations

import gc

import pytest

from tiny_audio_ssl.utils.collector import collections_paused


@pytest.fixture(autouse=True)
def _enabled_again():
    yield
    gc.enable()


@pytest.mark.parametrize("enabled", [True, False])
def test_is_as_it_was_also_after_an_error(enabled):
    (gc.enable if enabled else gc.disable)()
    with pytest.raises(ValueError, match="inside"), collections_paused():
        assert not gc.isenabled()
        raise ValueError("inside")
    assert gc.isenabled() == enabled
