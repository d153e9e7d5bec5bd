"""
Matrix products of float32: layers that are not quantised, and those whose weights alone are.

A sum is a chain of fused multiplications and additions from the first input to the last, and the bias is added to it. A
token's results depend on nothing but its own inputs, so they are the same bits for every target, tile, batch and number
of threads.
"""

from __future__ import annotations

from distilspec.fast.codegen.ir import Function, Kind, Type
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.epilogue import FLOAT_OPERANDS, Epilogue
from distilspec.fast.kernels.panels import panel_kernel


def linear(target: Target, vectors: int, epilogue: Epilogue) -> Function:
    """
    Return the kernel ``linear.<vectors>.<epilogue>``: the first ``vectors`` vectors of each tile, for some panels.

    Its parameters, in this order, with the smallest sizes of the buffers:

    x : pointer to float32 [tiles][steps][tile tokens]
        Activations.
    weights : pointer to float32 [panels][steps][panel]
        Those of ``packed_float_panels``.
    bias : pointer to float32 [features]
        What is added.
    ``epilogue.operands`` : pointers
        Its docstring gives their sizes.
    steps : integer
        K.
    features : integer
        N, any number.
    tiles : integer
        All of them are computed.
    block : integer
        Tiles that stay in the second cache together, at least 1.
    first, last : integers
        The panels from first until before last, of features / panel, rounded up.

    Raises
    ------
    IrError
        Rows of codes are to be written, and not all tokens of a row are computed.
    """
    operands = ("x", "weights", *FLOAT_OPERANDS)
    return panel_kernel(target, "linear", vectors, epilogue, operands, Type(Kind.F32, target.lanes), target.panel)
