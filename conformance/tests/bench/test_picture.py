"""The picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from distilspec.conformance.bench import picture
from distilspec.conformance.bench.picture import draw, expect_drawable, order
from distilspec.conformance.bench.rows import Report, Row
from distilspec.conformance.bench.work import Limits
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import RangeError, UnsupportedError


def row(runtime, ms=None, **changes):
    """Return a row."""
    fields = {
        "version": "1.0", "recipe": "w8a8-static", "sparsity": 0.0, "block_shape": None, "batch": 1, "seq": 128,
        "threads": 2, "median_ms": ms, "spread": ms, "roofline": 0.5, "model": "minilm", "base": "fast", **changes,
    }  # fmt: skip
    return Row(runtime, **fields)


def test_the_quickest_is_at_the_top_and_nobody_is_missing():
    """Lines are numbered from below."""
    assert order([row("b", 2.0), row("c"), row("a", 1.0), row("a", 9.0, batch=8)]) == ["c", "b", "a"]


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_picture_is_written(suffix, tmp_path):
    """With a runtime that has two speeds, a wrong one, one without a roofline, and one that crashed."""
    pytest.importorskip("matplotlib")
    rows = [
        row("two", 22.0, speeds_ms=(22.0, 36.0)), row("wrong", 5.0, state=State.FAIL), row("bf16", 9.0, roofline=None),
        row("gone", state=State.CRASH), row("two", 11.0, sparsity=0.8, block_shape=(4, 1)),
    ]  # fmt: skip
    path = tmp_path / f"picture{suffix}"

    draw([Report(this_environment(), [Limits(2, "avx2", 1e9, 1e9, 1e9)], rows)], path)

    if suffix == ".svg":
        assert ET.parse(path).getroot().tag.endswith("svg")
        text = path.read_text()
        assert all(f"<!-- {name} -->" in text for name in ("two", "wrong", "bf16", "gone", "CRASH", "wrong results"))
    else:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_no_shape_hides_another():
    """Three shapes of a runtime with the same share of the roofline stand below each other, within its line."""
    figure_module = pytest.importorskip("matplotlib.figure")
    panels = figure_module.Figure().subplots(1, 3)
    shapes = ["1x32", "1x128", "1x384"]
    rows = [row(name, ms, seq=int(shape[2:])) for name, ms in (("a", 1.0), ("b", 2.0)) for shape in shapes]

    picture._draw_group(panels, rows, shapes)

    places = [line.get_ydata()[0] for line in panels[2].lines]
    assert len(set(places)) == 6
    assert sorted(round(place) for place in places) == [0, 0, 0, 1, 1, 1]


def test_what_cannot_be_drawn_is_refused_before_anything_is_timed(tmp_path, monkeypatch):
    """Another kind of file, a folder that does not exist, and no matplotlib."""
    with pytest.raises(RangeError, match=r"is no \.svg or \.png file"):
        expect_drawable(tmp_path / "picture.jpg")
    with pytest.raises(RangeError, match="is no folder"):
        expect_drawable(tmp_path / "none" / "picture.svg")
    monkeypatch.setattr(picture, "find_spec", lambda name: None)
    with pytest.raises(UnsupportedError, match=r"expected it from 'distilspec\[bench\]'"):
        expect_drawable(tmp_path / "picture.svg")
