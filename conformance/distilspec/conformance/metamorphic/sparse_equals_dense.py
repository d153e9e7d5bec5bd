"""
A weight in blocks and the same weight with explicit zeros are one weight.

SPD-S1  the block-sparse and the dense form of one program give equal bits where its Linears are quantised, because
    sums of integers have no order; elsewhere they differ by no more than the bounds of two runs
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from distilspec.conformance.adjoints.first_order import FirstOrder
from distilspec.conformance.metamorphic.bench import Bench, same_bits
from distilspec.conformance.metamorphic.linears import POSITIONS, Linear, read_linear
from distilspec.conformance.result import Judgement
from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program, Step

#: What a dense program's weights are pruned to, so that there are blocks to leave out; single elements where the blocks
#: do not divide a weight.
SPARSITY, BLOCK_SHAPE = 0.5, (4, 1)

#: The dense operator of each block-sparse one.
DENSE: Mapping[str, str] = {
    "block_sparse_linear": "linear",
    "quantized_block_sparse_linear": "quantized_linear",
}
SPARSE: Mapping[str, str] = {dense: sparse for sparse, dense in DENSE.items()}


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Compare the two forms; a dense program loses half of its blocks first, in both."""
    sparse, in_blocks = bench.twin("in blocks", lambda: form(bench.program, packed=True))
    dense, with_zeros = bench.twin("with zeros", lambda: form(bench.program, packed=False))
    first, second = bench.ask(in_blocks, inputs, sparse), bench.ask(with_zeros, inputs, dense)
    what = "the same weights with explicit zeros"
    if any(step.op.startswith("quantized") for step in dense.steps):
        yield same_bits(what, first, second)
    else:
        yield from bench.compare(what, FirstOrder(dense, inputs), first, second, same_program=False)


def form(program: Program, *, packed: bool) -> Program:
    """
    Return the program with its Linears' weights in blocks, or dense with explicit zeros.

    Raises
    ------
    UnsupportedError
        It has no Linear that could be written in both forms.
    """
    linears = {linear.step.name: linear for linear in _chosen(program)}
    if not linears:
        raise UnsupportedError(f"program {program.name} has no Linear with a constant weight that divides into blocks")
    constants = dict(program.constants)
    steps = []
    for step in program.steps:
        if step.name not in linears:
            steps.append(step)
            continue
        linear = linears[step.name]
        place = POSITIONS[step.op].weight
        if packed:
            assert linear.block_shape is not None
            blocks = ops.pack_block_sparse(linear.weight, block_shape=linear.block_shape)
            arrays = {f"{step.name}.blocks.{field}": array for field, array in blocks._asdict().items()}
        else:
            arrays = {f"{step.name}.dense": linear.weight}
        constants |= arrays
        op = SPARSE.get(step.op, step.op) if packed else DENSE.get(step.op, step.op)
        inputs = (*step.inputs[: place.start], *arrays, *step.inputs[place.stop :])
        steps.append(dataclasses.replace(step, op=op, inputs=inputs))
    used = {name for step in steps for name in step.inputs} | set(program.outputs.values())
    return program.replace(
        steps=tuple(steps), constants={name: array for name, array in constants.items() if name in used}
    )


def _chosen(program: Program) -> list[Linear]:
    """Return the block-sparse Linears, or the quantised ones pruned, or those of the encoder, or all."""
    steps = [step for step in program.steps if step.op in POSITIONS]
    groups = (
        [step for step in steps if step.op in DENSE],
        [step for step in steps if step.op == "quantized_linear"],
        [step for step in steps if "encoder" in step.tags],
        steps,
    )
    return [linear for step in next(filter(None, groups), []) if (linear := _in_blocks(program, step)) is not None]


def _in_blocks(program: Program, step: Step) -> Linear | None:
    """Return the Linear with a block shape, pruned if it was dense; None if it has no form in blocks."""
    try:
        linear = read_linear(program, step)
    except UnsupportedError:
        return None
    if linear.block_shape is not None:
        return linear
    if step.inputs[POSITIONS[step.op].weight] != linear.weight_names:
        return None
    block_shape = (1, 1) if linear.weight.shape[0] % BLOCK_SHAPE[0] else BLOCK_SHAPE
    kept = ops.block_magnitude_mask(linear.weight.astype(np.float64), block_shape=block_shape, sparsity=SPARSITY)
    pruned = np.where(kept, linear.weight, linear.weight.dtype.type(0))
    return dataclasses.replace(linear, weight=pruned, block_shape=block_shape)
