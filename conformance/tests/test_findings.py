"""Every replay that a finding refers to can be read, and is no fault of the specification: the reference passes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilspec.conformance.replay import load_case, replay
from distilspec.conformance.result import State
from distilspec.conformance.runtimes import find_runtime

FINDINGS = Path(__file__).parents[2] / "docs" / "findings"
REPLAYS = sorted(FINDINGS.glob("replays/*/case.json"))


def test_there_are_replays():
    """An empty folder would make the next test pass in silence."""
    assert REPLAYS


@pytest.mark.parametrize("path", REPLAYS, ids=lambda path: path.parent.name)
def test_a_stored_replay_passes_on_the_reference_and_belongs_to_a_finding(path):
    """The finding with its number names it."""
    case = load_case(path)

    assert replay(case, find_runtime("reference", {})).state is State.PASS
    (finding,) = FINDINGS.glob(f"{path.parent.name}-*.md")
    assert f"replays/{path.parent.name}/case.json" in finding.read_text(encoding="utf-8")
