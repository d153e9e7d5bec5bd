"""``prune``: the same program with the smallest blocks of its encoder's weights set to zero."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distilspec.reference import ops
from distilspec.reference.contract.errors import UnsupportedError, errors_about
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.program import Program
from distilspec.reference.recipes.encoder_linears import Replay, dense_weight, is_encoder_linear


def prune(
    program: Program, *, sparsity: float | Mapping[str, float], block_shape: tuple[int, int], pack: bool = True
) -> Program:
    """
    Return the program with a share of the blocks of its encoder's weights set to zero.

    Each weight loses its own smallest blocks, as ``block_magnitude_mask`` says. A packed weight ``W`` becomes the
    constants ``W.data``, ``W.indices`` and ``W.indptr`` of a ``block_sparse_linear`` step.

    Parameters
    ----------
    program : Program
        One whose recipe is ``fp32``. Quantisation comes after pruning: then a pruned weight has the code 0.
    sparsity : float, or mapping of step name to float
        Share of the blocks to drop; Linears that a mapping does not name stay as they are.
    block_shape : (int, int)
        Rows and columns of a block in the [out_features, in_features] weight.
    pack : bool
        False keeps dense weights with explicit zeros, in ``linear`` steps.

    Raises
    ------
    UnsupportedError
        The program is quantised, nothing is to be pruned, a name is not that of an encoder Linear, or a weight is
        packed already or not a constant.
    ShapeError, RangeError
        The block shape does not divide a weight, a sparsity is not in [0, 1], or a weight is not finite.
    """
    if program.recipe != Recipe.FP32:
        raise UnsupportedError(
            f"program {program.name}: its recipe is {program.recipe}; expected fp32 because pruning comes first"
        )
    linears = [step.name for step in program.steps if is_encoder_linear(step)]
    shares = sparsity if isinstance(sparsity, Mapping) else dict.fromkeys(linears, sparsity)
    for name in shares:
        if name not in linears:
            raise UnsupportedError(
                f"program {program.name}: {name} is to be pruned; expected an encoder Linear: {', '.join(linears)}"
            )
    if not shares:
        raise UnsupportedError(f"program {program.name}: nothing is to be pruned; expected at least one encoder Linear")
    properties = {"sparsity": _shown(shares), "block_shape": str(tuple(block_shape))}
    replay = Replay(program, properties)
    for step in program.steps:
        if step.name not in shares:
            replay.repeat(step)
            continue
        if step.op != "linear":
            raise UnsupportedError(f"step {step.name}: its weight is packed already; expected a dense one")
        name, weight = dense_weight(program, step)
        with errors_about(f"step {step.name}: weight {name}"):
            kept = ops.block_magnitude_mask(weight, block_shape=block_shape, sparsity=shares[step.name])
        pruned = np.where(kept, weight, weight.dtype.type(0))
        if pack:
            packed = ops.pack_block_sparse(pruned, block_shape=block_shape)
            prefix = f"{step.name}.weight"
            operands = [replay.constant(f"{prefix}.{field}", array) for field, array in packed._asdict().items()]
            replay.emit(step.name, "block_sparse_linear", (step.inputs[0], *operands, *step.inputs[2:]), tags=step.tags)
        else:
            replay.constant(name, pruned)
            replay.repeat(step)
    return replay.finish(program.outputs)


def _shown(shares: Mapping[str, float]) -> str:
    least, most = min(shares.values()), max(shares.values())
    return str(least) if least == most else f"{least} to {most}"
