"""
Dense INT8 matrix products with everything that follows them fused in.

Codes and weights are bytes where ``dot`` is 4 and 16-bit integers where it is 2, ``dot`` features side by side, padded
with zeros.

Accumulators are exact. A token's results depend on nothing but its own codes, so they are the same bits for every
target, tile, batch and number of threads.
"""

from __future__ import annotations

from distilspec.fast.codegen.ir import Function
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.dense_fours import PRODUCTS, sums_in_fours
from distilspec.fast.kernels.epilogue import INTEGER_OPERANDS, Epilogue
from distilspec.fast.kernels.panels import factors, panel_kernel, sums_in_order


def dense(target: Target, vectors: int, epilogue: Epilogue) -> Function:
    """
    Return the kernel ``dense.<vectors>.<epilogue>``: the first ``vectors`` vectors of each tile, for some panels.

    Its parameters, in this order, with the smallest sizes of the buffers:

    codes : pointer [tiles][steps][tile tokens][dot]
        ``code_bytes(target, Layout.FACTORS, K)`` bytes a tile.
    weights : pointer [panels][panel / panel_rows][steps][panel_rows][dot]
        Those of ``packed_panels``.
    places, extra_weights, extra_places, extra_starts : pointers
        Where the target has a ``pair_limit``, the others of ``packed_panels``; ``dense_fours`` says what they hold.
    sums, w_scale, bias : pointers to int32, float32, float32 [features]
        The sum of each row of the weight, its scale, and what is added.
    x_scale, zero_point : pointers to float32, int32 [tiles][tile tokens]
        By token; zero points are those of the codes as they are held.
    ``epilogue.operands`` : pointers
        Its docstring gives their sizes.
    steps : integer
        K / dot, rounded up.
    features : integer
        N, any number.
    tiles : integer
        All of them are computed.
    block : integer
        Tiles that stay in the second cache together, at least 1.
    ``epilogue.numbers``
        The scale and the zero point of the codes that are written, if any.
    first, last : integers
        The panels from first until before last, of features / panel, rounded up.

    Raises
    ------
    IrError
        Rows of codes are to be written, and not all tokens of a row are computed.
    """
    if target.pair_limit is not None:
        operands = ("codes", *PRODUCTS, *INTEGER_OPERANDS)
        return panel_kernel(target, "dense", vectors, epilogue, operands, sums_in_fours(target, vectors))
    sums_of = sums_in_order(target, vectors, factors(target), target.panel_rows)
    return panel_kernel(target, "dense", vectors, epilogue, ("codes", "weights", *INTEGER_OPERANDS), sums_of)
