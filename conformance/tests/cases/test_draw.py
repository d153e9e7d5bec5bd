"""``Draw``: numbers that look random, by a name."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.cases.draw import Draw


def test_a_name_always_gives_the_same_numbers():
    """These were drawn once and are written down: a corpus that changes by itself cannot be compared."""
    draw = Draw("frozen")

    assert draw.integers((4,), -3, 3).tolist() == [-3, 2, 3, -3]
    assert [value.hex() for value in draw.units(2).tolist()] == ["0x1.ca70eb4061a42p-2", "0x1.d0abede5fa4a4p-3"]
    assert draw.reals(2, size=4).tolist() == [0.18708357214927673, -0.7300528287887573]
    assert draw.wide(2).tolist() == [5.8672027587890625, -1.2915177382457034e-35]
    assert Draw("other").integers((4,), -3, 3).tolist() != [-3, 2, 3, -3]


def test_ranges_are_reached_and_not_left():
    """Both ends of integers, of codes and of exponents; scales are positive; a scalar has no axis."""
    draw = Draw("ranges")

    assert set(draw.integers((500,), -2, 3).tolist()) == {-2, -1, 0, 1, 2, 3}
    for dtype in (np.uint8, np.int8):
        codes = draw.codes(dtype, 9000)
        assert codes.dtype == dtype
        assert np.unique(codes).size == 256
    wide = draw.wide(4000)
    assert wide.dtype == np.float32
    assert np.isfinite(wide).all()
    assert np.abs(wide).min() >= 2.0**-126
    assert np.frexp(np.abs(wide).max())[1] >= 126
    assert 0.4 < (wide > 0).mean() < 0.6
    scales = draw.scales(500, low=-3, high=-1)
    assert scales.min() >= 2.0**-3
    assert scales.max() <= 1
    assert np.abs(draw.reals(500, size=2)).max() <= 2
    assert draw.reals().shape == ()
    assert set(draw.mask(50).tolist()) == {False, True}
