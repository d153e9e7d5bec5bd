"""``apply_recipe``: the same program with the numerics of another recipe."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from distilspec.reference import ops
from distilspec.reference.contract.errors import RangeError, UnsupportedError, errors_about
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program, Step
from distilspec.reference.recipes.encoder_attention import emit_quantized_attention, is_encoder_attention
from distilspec.reference.recipes.encoder_linears import (
    Replay,
    dense_weight,
    in_features_of,
    is_encoder_linear,
    sparse_weight,
)
from distilspec.reference.recipes.quantize_weight import QuantizedWeight, quantize_weight

_DYNAMIC = {
    Recipe.W8A8_DYNAMIC: "dynamic_quantize",
    Recipe.W8A8_DYNAMIC_TOKEN: "dynamic_quantize_token",
}


def apply_recipe(
    program: Program,
    recipe: Recipe | str,
    *,
    calibration: Mapping[str, tuple[float, float]] | None = None,
    keep: Collection[str] = (),
) -> Program:
    """
    Return the program with its encoder's Linears quantised as the recipe says; no other step changes its meaning.

    A Linear keeps its name. Its input ``T`` becomes the codes ``T.quantized``, made once and shared by all Linears that
    read ``T``; its weight ``W`` becomes the constants ``W.codes``, or ``W.data``, ``W.indices`` and ``W.indptr``
    when it is block-sparse, and ``W.scale``. With ``w8a32`` the codes are dequantized to ``W`` by a step of their own,
    and a block-sparse weight becomes dense with explicit zeros. With ``w8a8-static-attn`` attention becomes several
    steps too, of which the last one keeps its name.

    Parameters
    ----------
    program : Program
        One whose recipe is ``fp32``, dense or pruned.
    recipe : Recipe, or its name
    calibration : mapping of tensor name to (minimum, maximum), optional
        What ``calibrate`` returns for the recipe; those whose name has ``static`` need it.
    keep : collection of step names
        Linears that stay as they are, in float32.

    Raises
    ------
    UnsupportedError
        The recipe does not exist, the program is quantised already or has no encoder Linear that is not kept, a name
        to keep is not that of one, or a weight is not a constant; ``w8a8-static-attn`` finds no attention.
    RangeError
        A weight is not finite, or a static recipe lacks the range of a tensor.
    """
    recipe = Recipe(recipe)
    if program.recipe != Recipe.FP32:
        raise UnsupportedError(
            f"program {program.name}: its recipe is {program.recipe}; expected fp32 because {recipe} starts from it"
        )
    if recipe is Recipe.FP32:
        return program
    linears = {step.name for step in program.steps if is_encoder_linear(step)}
    for name in keep:
        if name not in linears:
            raise UnsupportedError(f"program {program.name}: {name} is to be kept; expected an encoder Linear")
    if not linears - set(keep):
        raise UnsupportedError(
            f"program {program.name}: no linear step {'but kept ones ' if keep else ''}has the tag encoder; "
            f"expected one because {recipe} quantises those"
        )
    attends = recipe is Recipe.W8A8_STATIC_ATTN
    if attends and not any(map(is_encoder_attention, program.steps)):
        raise UnsupportedError(
            f"program {program.name}: no scaled_dot_product_attention step has the tag encoder; expected one because "
            f"{recipe} quantises its products"
        )
    replay = Replay(program, {"recipe": recipe.value})
    for step in program.steps:
        if attends and is_encoder_attention(step):
            emit_quantized_attention(replay, step, calibration or {})
        elif step.name not in linears or step.name in keep:
            replay.repeat(step)
        elif recipe is Recipe.W8A32:
            _emit_dequantized_linear(replay, step)
        else:
            _emit_quantized_linear(replay, step, recipe, _emit_codes(replay, step, recipe, calibration))
    return replay.finish(program.outputs)


def _emit_codes(
    replay: Replay, step: Step, recipe: Recipe, calibration: Mapping[str, tuple[float, float]] | None
) -> tuple[str, str, str]:
    """Quantise the input of a Linear unless it has been, and return the names of codes, scale and zero point."""
    x = str(step.inputs[0])
    codes, scale, zero_point = f"{x}.quantized", f"{x}.quantized.scale", f"{x}.quantized.zero_point"
    if not replay.has(codes):
        if recipe.is_calibrated:
            if calibration is None or x not in calibration:
                raise RangeError(
                    f"recipe {recipe}: tensor {x} has no range; expected one for every input of an encoder Linear, as "
                    "calibrate() returns them"
                )
            with errors_about(f"recipe {recipe}: tensor {x}"):
                chosen = ops.asymmetric_scale(*(np.asarray(end, np.float64) for end in calibration[x]))
            replay.constant(scale, np.asarray(chosen.scale))
            replay.constant(zero_point, np.asarray(chosen.zero_point))
            replay.emit(codes, "quantize", (x, scale, zero_point), tags=step.tags)
        else:
            replay.emit(codes, _DYNAMIC[recipe], (x,), tags=step.tags)
    return codes, scale, zero_point


def _emit_quantized_linear(replay: Replay, step: Step, recipe: Recipe, activations: tuple[str, str, str]) -> None:
    codes, scale = _quantized_weight(replay.program, step, recipe)
    weight = f"{step.name}.weight"
    if step.op == "linear":
        operands = [replay.constant(f"{weight}.codes", codes)]
    else:
        packed = ops.pack_block_sparse(codes, block_shape=sparse_weight(replay.program, step).data.shape[1:])
        operands = [replay.constant(f"{weight}.{field}", array) for field, array in packed._asdict().items()]
    operands.append(replay.constant(f"{weight}.scale", scale))
    op = f"quantized_{step.op}"
    replay.emit(step.name, op, (*activations, *operands, *_bias(step)), tags=step.tags)


def _emit_dequantized_linear(replay: Replay, step: Step) -> None:
    codes, scale = _quantized_weight(replay.program, step, Recipe.W8A32)
    weight = f"{step.name}.weight"
    operands = replay.constant(f"{weight}.codes", codes), replay.constant(f"{weight}.scale", scale)
    replay.emit(weight, "dequantize", operands, {"axis": 0}, step.tags)
    replay.emit(step.name, "linear", (step.inputs[0], weight, *_bias(step)), tags=step.tags)


def _quantized_weight(program: Program, step: Step, recipe: Recipe) -> QuantizedWeight:
    """Return the dense codes of a Linear's weight, and one scale for each output channel."""
    weight: Array
    if step.op == "linear":
        name, weight = dense_weight(program, step)
    else:
        name = f"{step.name}.weight"
        weight = ops.unpack_block_sparse(*sparse_weight(program, step), in_features=in_features_of(program, step))
    with errors_about(f"step {step.name}: weight {name}"):
        return quantize_weight(weight, recipe)


def _bias(step: Step) -> tuple[str | None, ...]:
    return step.inputs[2 if step.op == "linear" else 4 :]
