"""Text of strangers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_reports import HOSTILE

from distilspec.conformance.report.text import LONGEST_SHOWN, printable, shortened


@pytest.mark.parametrize("text", HOSTILE)
def test_printable_text_can_stand_in_xml_and_be_written(text):
    """No control character, no half of a surrogate pair, no noncharacter that XML names."""
    element = ElementTree.Element("a")
    element.text = printable(text)

    parsed = ElementTree.fromstring(ElementTree.tostring(element, encoding="utf-8"))

    assert parsed.text is not None
    assert re.sub(r"\r\n?", "\n", printable(text)) == parsed.text.replace("\r", "\n")


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_printable_changes_no_length_and_keeps_what_is_printable(text):
    """Every character stands for itself or for U+FFFD, and a second time changes nothing."""
    shown = printable(text)

    assert len(shown) == len(text)
    assert all(new in (old, "\N{REPLACEMENT CHARACTER}") for old, new in zip(text, shown, strict=True))
    assert printable(shown) == shown
    shown.encode("utf-8")


@pytest.mark.parametrize("kept", ["plain", "tab\tand\nline", "Größe", "\N{PILE OF POO}", "\N{NO-BREAK SPACE}"])
def test_ordinary_text_stays_as_it_is(kept):
    """Replacing more than what cannot be shown would hide what a runtime said."""
    assert printable(kept) == kept


@pytest.mark.parametrize("code", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_the_direction_of_writing_is_not_turned(code):
    """An override would turn round what this suite writes after it."""
    assert printable(f"a{chr(code)}b") == "a\N{REPLACEMENT CHARACTER}b"


def test_a_long_text_is_cut_and_says_by_how_much():
    """One character over the limit is enough."""
    assert shortened("a" * LONGEST_SHOWN) == "a" * LONGEST_SHOWN
    assert shortened("a" * (LONGEST_SHOWN + 3)).endswith("a ... (3 more characters)")
