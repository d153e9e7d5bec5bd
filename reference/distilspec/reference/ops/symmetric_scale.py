"""``symmetric_scale``: the scale of signed codes whose zero point is 0."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import round_to_float32
from distilspec.reference.contract.checks import expect, expect_finite, expect_float
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Float32Array, RealArray


def symmetric_scale(largest: RealArray) -> Float32Array:
    """
    Divide the largest magnitude by 127, so that it gets the code 127 or -127.

    SYM-C1  largest is float32 or float64
    SYM-C2  float32(largest) is finite and not negative
    SYM-S1  scale = float32(largest) / 127   (one float32 division)
    SYM-S2  scale = 1 where that quotient is 0 or subnormal

    Parameters
    ----------
    largest : float [...]
        Largest magnitude of each tensor, channel or token.

    Returns
    -------
    float32 [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        SYM-C1.
    RangeError
        SYM-C2.

    Accuracy
    --------
    Exact. Magnitudes up to ``largest`` get codes in [-127, 127], derived in docs/derivations/dynamic_quantize.md.

    Special values
    --------------
    0 and -0.0 give 1, so a tensor of zeros is representable and a division by the scale is safe (SYM-S2).
    NaN and infinities are refused: they have no scale.

    Source
    ------
    docs/decisions/0001-rounding-and-zero-point.md. ONNX Runtime and CTranslate2 use 127, not 127.5 or 128, for signed
    symmetric codes.

    Examples
    --------
    The last two quotients are the smallest normal number, and the subnormal one below it:

    >>> smallest = np.float32(127) * np.finfo(np.float32).tiny
    >>> symmetric_scale(np.array([127, 0, smallest, np.nextafter(smallest, 0) / 2], np.float32)).tolist()
    [1.0, 1.0, 1.1754943508222875e-38, 1.0]
    """
    expect_float("symmetric_scale", "SYM-C1", largest=largest)
    largest32 = round_to_float32(largest)
    why = "a scale is finite and positive"
    expect_finite("symmetric_scale", "largest", largest32, why=why, clause="SYM-C2")
    expect(
        bool((largest32 >= 0).all()),
        RangeError,
        "symmetric_scale",
        seen=f"largest holds {largest32.min(initial=0)}",
        expected="magnitudes",
        why=why,
        clause="SYM-C2",
    )
    with np.errstate(under="ignore"):
        scale = largest32 / np.float32(127)  # SYM-S1
    return np.where(scale < np.finfo(np.float32).tiny, np.float32(1), scale)  # SYM-S2
