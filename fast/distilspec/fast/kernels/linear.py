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
from distilspec.fast.kernels.panels import panel_kernel, sums_in_order


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
    steps : integer
        K, after the pointers of the epilogue.

    The epilogue's operands, the other integers and the error are those of ``dense``.
    """
    operands = ("x", "weights", *FLOAT_OPERANDS)
    sums_of = sums_in_order(target, vectors, Type(Kind.F32, target.lanes), target.panel)
    return panel_kernel(target, "linear", vectors, epilogue, operands, sums_of)
