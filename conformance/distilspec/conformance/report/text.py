"""Text that strangers wrote, made fit to be shown: what a runtime prints goes into reports and terminals."""

from __future__ import annotations

import re

#: A longer text is cut where people read it; ``report.json`` holds all of it.
LONGEST_SHOWN = 2000

#: What XML 1.0 does not allow in a document, escaped or not; control characters, which steer a terminal; and the
#: overrides of the direction of writing, which turn round what stands after them.
_STEERING = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    r"""
    Return ``text`` with every character that XML forbids, or that steers what shows it, replaced by U+FFFD.

    >>> printable("saturated\x00\x1b[31m")
    'saturated��[31m'
    """
    return _STEERING.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(text: str) -> str:
    """Return ``text``, or its beginning and how much is left out."""
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[:LONGEST_SHOWN]} ... ({len(text) - LONGEST_SHOWN} more characters)"
