"""The environment that a report names."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from distilspec.conformance.report import environment
from distilspec.conformance.report.environment import INSTRUCTIONS, this_environment


def test_the_environment_is_that_of_this_process(monkeypatch):
    """Versions as the packages give them, the time of now, the limits on threads that are set."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    before = datetime.now(UTC).replace(microsecond=0)
    found = this_environment()

    assert before <= datetime.fromisoformat(found.date) <= datetime.now(UTC)
    assert found.packages["numpy"] == np.__version__
    assert found.python == platform.python_version()
    assert found.threads["OMP_NUM_THREADS"] == "3"
    assert "MKL_NUM_THREADS" not in found.threads
    assert found.cores >= 1
    assert found.cpu


@pytest.mark.skipif(platform.system() != "Linux" or platform.machine() != "x86_64", reason="reads /proc/cpuinfo")
def test_instruction_sets_are_those_that_the_kernel_lists():
    """Present and absent ones."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = set(next(line for line in file if line.startswith("flags")).split(":")[1].split())

    assert this_environment().instructions == {name: name in flags for name in INSTRUCTIONS["x86_64"]}


def test_a_system_that_tells_nothing_about_instructions_gives_none(monkeypatch):
    """Rather than saying of each that it is absent."""
    monkeypatch.setattr(environment.archspec.cpu.detect, "detected_info", lambda: SimpleNamespace(features=set()))
    environment._instructions.cache_clear()
    try:
        assert this_environment().instructions == {}
    finally:
        environment._instructions.cache_clear()
