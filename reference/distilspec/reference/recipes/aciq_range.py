"""``aciq_range``: the range that costs least where values beyond it are cut, if they are spread as Laplace says."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import real, round_to_float32
from distilspec.reference.contract.types import RealArray
from distilspec.reference.ops.minmax_range import Range, minmax_range

#: alpha / b at which the mean square of cutting and of rounding to 2**8 codes is least, as ACIQ prints it.
LAPLACE_8_BITS = 9.89


def aciq_range(x: RealArray) -> Range:
    """
    Take the mean plus and minus alpha, but nothing beyond the observed values.

    With n values, mean = sum of x / n, b = sum of abs(x - mean) / n and alpha = 9.89 b, in real numbers; both ends are
    then rounded to float32. For values of Laplace's distribution, whose scale b is, the expected square of the error is
    2 b^2 e^(-alpha / b) + alpha^2 / (3 * 4^8): what is cut, and what 2^8 codes round away between.

    Parameters
    ----------
    x : float [...]

    Returns
    -------
    minimum, maximum : float32, scalars
        Fresh memory.

    Raises
    ------
    DTypeError, ShapeError, RangeError
        As ``minmax_range``: x is not float, has no element, or holds a value that is not finite.

    Source
    ------
    Banner and others, arXiv 1810.05723, and Distiller's table, 9.89 for 8 bits. Distiller's lower end is the mean over
    batches of their smallest values where that is greater; here it is the smallest value of all.

    Examples
    --------
    One value of 1000 ones is far off; the range holds the ones, and b = 0.2 * 0.999:

    >>> aciq_range(np.float32([1] * 999 + [101]))
    Range(minimum=np.float32(1.0), maximum=np.float32(3.076022))
    """
    smallest, largest = minmax_range(x)
    values = real(round_to_float32(x))
    mean = values.mean()
    alpha = LAPLACE_8_BITS * np.abs(values - mean).mean()
    minimum, maximum = np.maximum(mean - alpha, smallest), np.minimum(mean + alpha, largest)
    return Range(round_to_float32(minimum)[()], round_to_float32(maximum)[()])
