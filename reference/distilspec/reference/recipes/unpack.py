"""``unpack``: the same program with dense weights and explicit zeros, for runtimes that have no blocks."""

from __future__ import annotations

from distilspec.reference import ops
from distilspec.reference.program import Program
from distilspec.reference.recipes.encoder_linears import Replay, constant_of, in_features_of

#: The dense form of an operator, with the place of its blocks among the operands, and the name of the dense constant.
_DENSE = {
    "block_sparse_linear": ("linear", 1, "weight"),
    "quantized_block_sparse_linear": ("quantized_linear", 3, "weight.codes"),
}


def unpack(program: Program) -> Program:
    """
    Return the program with every block-sparse Linear as a dense one; each tensor keeps its name and its bits.

    Raises
    ------
    UnsupportedError
        A packed weight is not a constant.
    """
    replay = Replay(program, {})
    for step in program.steps:
        if step.op not in _DENSE:
            replay.repeat(step)
            continue
        op, place, field = _DENSE[step.op]
        blocks = [constant_of(program, step, name)[1] for name in step.inputs[place : place + 3]]
        weight = ops.unpack_block_sparse(*blocks, in_features=in_features_of(program, step))
        dense = replay.constant(f"{step.name}.{field}", weight)
        operands = (*step.inputs[:place], dense, *step.inputs[place + 3 :])
        replay.emit(step.name, op, operands, step.attributes, step.tags)
    return replay.finish(program.outputs)
