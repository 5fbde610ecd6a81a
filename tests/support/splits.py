"""Checks of splits."""

from __future__ import annotations

import numpy as np

from tiny_audio_ssl.evaluation.probing.splits import LabelTable, Split


def apart(found: LabelTable, one: Split) -> bool:
    """Whether no recording, group or sound is in two parts."""
    parts = [one.train, one.test, *([] if one.validation is None else [one.validation])]
    for i, left in enumerate(parts):
        for right in parts[i + 1 :]:
            for what in (np.arange(len(found.truth)), np.array(found.groups), found.copies):
                if set(what[left].tolist()) & set(what[right].tolist()):
                    return False
    return True
