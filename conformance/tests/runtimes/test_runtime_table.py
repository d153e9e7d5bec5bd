"""The table of docs/runtimes.md is what the adapters declare."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_table_of_runtimes_is_current():
    """``python docs/runtime_table.py`` renews it."""
    for package in ("openvino", "ctranslate2"):
        pytest.importorskip(package)
    spec = importlib.util.spec_from_file_location("runtime_table", DOCS / "runtime_table.py")
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)

    assert pages.table() in (DOCS / "runtimes.md").read_text("utf-8")
