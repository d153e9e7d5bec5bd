"""How the section quantisation says that ranges are found."""

from __future__ import annotations

from tiny_pipeline import FIELDS, tiny_run

from distilspec.compress.stages.quantise import calibrated


def ranges(sources, **fields):
    """Return the ranges that a section with these fields finds for the teacher."""
    return calibrated(tiny_run(sources, quantisation=FIELDS["quantisation"] | fields), sources / "tiny")


def width(found):
    """Return how wide all ranges are together."""
    return sum(high - low for low, high in found.values())


def test_a_calibration_reads_its_own_number(sources):
    """Less of the values, or fewer deviations, is a narrower range; the defaults are those of ``calibrate``."""
    for name, calibration, default, less in (
        ("percentile", "percentile", 99.999, 60.0), ("sigmas", "mean-sigma", 6.0, 0.5)
    ):  # fmt: skip
        plain = ranges(sources, calibration=calibration)
        assert ranges(sources, calibration=calibration, **{name: default}) == plain
        assert width(ranges(sources, calibration=calibration, **{name: less})) < width(plain)
