"""Writing a picture, the same bytes for the same figures."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from distilspec.compress.record import write_whole


def write_svg(figure: Any, path: Path) -> None:
    """Write a figure of matplotlib's without its date, and with names that do not change; errors as ``write_whole``."""
    matplotlib: Any = import_module("matplotlib")
    drawn = BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "distilspec"}):
        figure.savefig(drawn, format="svg", dpi=120, metadata={"Date": None})
    write_whole(path, drawn.getvalue())
