"""Which quantisations the step before them carries out, as it writes."""

from __future__ import annotations

from dataclasses import dataclass

from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.codes import Layout
from distilspec.fast.lower.fused import Attention, Fused, LayerNorm, Linear, Lowered, Quantize, Scales, read_by


@dataclass(frozen=True)
class FusedCodes:
    """A quantisation by the step that makes the tensor; ``floats`` says whether the step writes those as well."""

    quantise: Quantize
    layout: Layout
    floats: bool


def fused_codes(lowered: Lowered, target: Target) -> dict[str, FusedCodes]:
    """
    Return which tensors are written as codes by the step that makes them, because one static quantisation reads them.

    LayerNorm writes floats as well; for the others, nothing else may read the tensor.
    """
    readers: dict[str, list[Fused]] = {}
    for step in lowered.steps:
        for name in read_by(step):
            readers.setdefault(name, []).append(step)
    shown = {output.tensor for output in lowered.outputs.values()}
    fused = {}
    for step in lowered.steps:
        if not isinstance(step, LayerNorm | Linear | Attention):
            continue
        quantisers = [reader for reader in readers.get(step.out, ()) if isinstance(reader, Quantize)]
        if len(quantisers) != 1 or quantisers[0].scales is not Scales.STATIC:
            continue
        found = layouts(lowered, quantisers[0].out, target)
        alone = len(readers[step.out]) == 1 and step.out not in shown
        if len(found) != 1 or not (alone or isinstance(step, LayerNorm)):
            continue
        if isinstance(step, Attention) and found[0] is Layout.FACTORS and step.head_dim % target.dot:
            continue
        fused[step.out] = FusedCodes(quantisers[0], found[0], floats=isinstance(step, LayerNorm))
    return fused


def layouts(lowered: Lowered, codes: str, target: Target) -> list[Layout]:
    """Return in which layouts codes are read."""
    readers = [step for step in lowered.steps if isinstance(step, Linear) and step.x == codes]
    return sorted({layout_of(step, target) for step in readers})


def layout_of(step: Linear, target: Target) -> Layout:
    """Return in which layout a Linear reads its codes."""
    return Layout.ROWS if step.block_shape and not is_in_steps(step, target) else Layout.FACTORS


def is_in_steps(step: Linear, target: Target) -> bool:
    """
    Return whether ``sparse_panels`` multiplies a block-sparse weight.

    It is the quicker one where blocks are whole steps of a panel and no pair of weights is too much by itself, which
    nearly all steps of other weights would be with any partner.
    """
    if step.block_shape is None or target.pair_limit is None:
        return False
    rows, columns = step.block_shape
    return rows % target.panel == 0 and columns % target.dot == 0 and 2 * step.largest_code <= target.pair_limit
