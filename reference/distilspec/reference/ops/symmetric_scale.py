"""``symmetric_scale``: the scale of signed codes whose zero point is 0."""

from __future__ import annotations

import numpy as np

from distilspec.reference.arith import round_to_float32
from distilspec.reference.contract.checks import expect, expect_finite, expect_float
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.types import Float32Array, RealArray

#: The largest int8 whose negative is one too.
LARGEST_CODE = 127


def symmetric_scale(largest: RealArray, *, largest_code: int = LARGEST_CODE) -> Float32Array:
    """
    Divide the largest magnitude by 127, or by another largest code, so that it gets that code or its negative.

    SYM-C1  largest is float32 or float64
    SYM-C2  float32(largest) is finite and not negative
    SYM-C3  largest_code is an integer from 1 to 127
    SYM-S1  scale = float32(largest) / 127   (one float32 division)
    SYM-S2  scale = 1 where that quotient is 0 or subnormal
    SYM-S3  with another largest_code, the divisor is float32(largest_code) instead of 127

    Parameters
    ----------
    largest : float [...]
        Largest magnitude of each tensor, channel or token.
    largest_code : int
        What the codes of the largest magnitude are to be, up to their sign.

    Returns
    -------
    float32 [...]
        Fresh memory.

    Raises
    ------
    DTypeError
        SYM-C1.
    RangeError
        SYM-C2, SYM-C3.

    Accuracy
    --------
    Exact. Magnitudes up to ``largest`` get codes in [-largest_code, largest_code], derived in
    docs/derivations/dynamic_quantize.md. With 64 the division is exact.

    Special values
    --------------
    0 and -0.0 give 1, so a tensor of zeros is representable and a division by the scale is safe (SYM-S2).
    NaN and infinities are refused: they have no scale.

    Source
    ------
    docs/decisions/0001-rounding-and-zero-point.md. ONNX Runtime and CTranslate2 use 127, not 127.5 or 128, for signed
    symmetric codes. ONNX Runtime's ``reduce_range`` uses 64 (docs/decisions/0014-weights-in-seven-bits.md); PyTorch's
    observers, which call it so too, 63.5.

    Examples
    --------
    The last two quotients are the smallest normal number, and the subnormal one below it:

    >>> smallest = np.float32(127) * np.finfo(np.float32).tiny
    >>> symmetric_scale(np.array([127, 0, smallest, np.nextafter(smallest, 0) / 2], np.float32)).tolist()
    [1.0, 1.0, 1.1754943508222875e-38, 1.0]

    Half of 127 is no code, and 63 and 64 give different scales:

    >>> symmetric_scale(np.float32([63.5, 64]), largest_code=64).tolist()
    [0.9921875, 1.0]
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
    expect(
        isinstance(largest_code, int) and 1 <= largest_code <= LARGEST_CODE,
        RangeError,
        "symmetric_scale",
        seen=f"largest_code is {largest_code!r:.60}",
        expected=f"an integer from 1 to {LARGEST_CODE}",
        why="it and its negative are int8",
        clause="SYM-C3",
    )
    with np.errstate(under="ignore"):
        scale = largest32 / np.float32(largest_code)  # SYM-S1, SYM-S3
    return np.where(scale < np.finfo(np.float32).tiny, np.float32(1), scale)  # SYM-S2
