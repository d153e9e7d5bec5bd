"""Runtimes that connect right operators wrongly: a converter's or a graph optimiser's bugs."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping

import numpy as np

from distilspec.conformance.mutants.planted import RuntimeMutant, opaque, rewritten, showing
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program, Step

_LAYER = re.compile(r"(.*\.layer\.)(\d+)\.")
_MOVING = ("reshape", "transpose")


def layers(program: Program) -> list[list[Step]]:
    """Return the steps of each encoder layer, in order."""
    found: dict[str, list[Step]] = {}
    for step in program.steps:
        if match := _LAYER.match(step.name):
            found.setdefault(match[0], []).append(step)
    return list(found.values())


def steps_of(steps: list[Step], op: str) -> list[Step]:
    """Return the steps with this operator."""
    return [step for step in steps if step.op == op]


def with_steps(program: Program, changed: Mapping[str, Step]) -> Program:
    """Return the program with some steps, by their names, replaced."""
    return program.replace(steps=tuple(changed.get(step.name, step) for step in program.steps))


def changed(step: Step, position: int, tensor: str) -> Step:
    """Return the step with another operand."""
    return dataclasses.replace(step, inputs=(*step.inputs[:position], tensor, *step.inputs[position + 1 :]))


def redirected(program: Program, old: str, new: str) -> Program:
    """Return the program in which every reader of the tensor ``old`` reads ``new``, outputs included."""
    steps = {
        step.name: dataclasses.replace(step, inputs=tuple(new if name == old else name for name in step.inputs))
        for step in program.steps
    }
    outputs = {label: new if name == old else name for label, name in program.outputs.items()}
    return with_steps(program, steps).replace(outputs=outputs)


def with_constants(program: Program, change: Callable[[str, Array], Array]) -> Program:
    """Return the program with every constant changed."""
    return program.replace(constants={name: change(name, array) for name, array in program.constants.items()})


def _without_the_last_layer(program: Program) -> Program:
    ends = [steps_of(layer, "layer_norm")[-1].name for layer in layers(program)]
    return redirected(program, ends[-1], ends[-2]) if len(ends) > 1 else program


def _layers_renamed(renamed: Mapping[int, int]) -> Callable[[Program], Program]:
    """Return a rewriting in which a layer reads the constants of another one."""

    def rewrite(program: Program) -> Program:
        def constant_of(step: Step, name: str | None) -> str | None:
            own, of = _LAYER.match(step.name), _LAYER.match(name or "")
            if name is None or own is None or of is None or own[0] != of[0] or name not in program.constants:
                return name
            other = f"{of[1]}{renamed.get(int(of[2]), int(of[2]))}.{name[of.end() :]}"
            return other if other in program.constants else name

        return with_steps(
            program,
            {
                step.name: dataclasses.replace(step, inputs=tuple(constant_of(step, name) for name in step.inputs))
                for step in program.steps
            },
        )

    return rewrite


def _in_attention(change: Callable[[Step], Step]) -> Callable[[Program], Program]:
    def rewrite(program: Program) -> Program:
        attention = [step for layer in layers(program) for step in steps_of(layer, "scaled_dot_product_attention")]
        return with_steps(program, {step.name: change(step) for step in attention})

    return rewrite


def _interleaved_heads(program: Program) -> Program:
    """Split the hidden axis into [head_dim, num_heads], of all projections; the context is joined as it should be."""
    steps = {}
    for step in program.steps:
        shape = step.attributes.get("shape", ())
        if _LAYER.match(step.name) and isinstance(shape, tuple) and len(shape) == 4:
            batch, sequence, heads, head_dim = shape
            steps[step.name] = dataclasses.replace(step, attributes={"shape": (batch, sequence, head_dim, heads)})
            reader = next(other for other in program.steps if step.name in other.inputs)
            steps[reader.name] = dataclasses.replace(reader, attributes={"axes": (0, 3, 1, 2)})
    return with_steps(program, steps)


def _projection_transposed(program: Program) -> Program:
    square = re.compile(r".*\.attention\.(output\.dense|out_lin)\.weight(\.codes)?$")
    return with_constants(program, lambda name, array: array.T if square.match(name) else array)


def _without_attention_residual(program: Program) -> Program:
    adds = [steps_of(layer, "add")[0] for layer in layers(program)]
    if not adds:
        return program
    hidden = int(program.spec(adds[0].name).shape[-1])
    program = program.replace(constants={**program.constants, "nothing": np.zeros(hidden, np.float32)})
    return with_steps(program, {step.name: changed(step, 1, "nothing") for step in adds})


def _residual_past_attention(program: Program) -> Program:
    steps = {}
    for layer in layers(program):
        attention, feed_forward = steps_of(layer, "add")
        steps[feed_forward.name] = changed(feed_forward, 1, str(attention.inputs[1]))
    return with_steps(program, steps)


def _without_the_last_norm(program: Program) -> Program:
    norms = [steps_of(layer, "layer_norm")[-1] for layer in layers(program)]
    return redirected(program, norms[-1].name, str(norms[-1].inputs[0])) if norms else program


def _without_the_norm_of_embeddings(program: Program) -> Program:
    norm = next((step for step in program.steps if step.name == "embeddings.LayerNorm"), None)
    return program if norm is None else redirected(program, norm.name, str(norm.inputs[0]))


def _norms_exchanged(program: Program) -> Program:
    steps = {}
    for layer in layers(program):
        first, second = steps_of(layer, "layer_norm")
        steps[first.name] = dataclasses.replace(first, inputs=(first.inputs[0], *second.inputs[1:]))
        steps[second.name] = dataclasses.replace(second, inputs=(second.inputs[0], *first.inputs[1:]))
    return with_steps(program, steps)


def _one_token_type(program: Program) -> Program:
    def first_row(name: str, array: Array) -> Array:
        return np.tile(array[:1], (len(array), 1)) if name.endswith("token_type_embeddings.weight") else array

    return with_constants(program, first_row)


def _positions_from(start: int) -> Callable[[Program], Program]:
    def shifted(name: str, array: Array) -> Array:
        return np.roll(array, -start, axis=0) if name.endswith("position_embeddings.weight") else array

    return lambda program: with_constants(program, shifted)


def _positions_repeat_after(length: int) -> Callable[[Program], Program]:
    def repeated(name: str, array: Array) -> Array:
        return array[np.arange(len(array)) % length] if name.endswith("position_embeddings.weight") else array

    return lambda program: with_constants(program, repeated)


def _half_the_scale(step: Step) -> Step:
    return dataclasses.replace(step, attributes={"scale": float(step.attributes["scale"]) / 2})  # type: ignore[arg-type]


def _bias_of_the_query_on_the_key(program: Program) -> Program:
    steps = {}
    for layer in layers(program):
        query, key = [step for step in layer if step.op.endswith("linear")][:2]
        steps[key.name] = changed(key, len(key.inputs) - 1, str(query.inputs[-1]))
    return with_steps(program, steps)


def _other_operator(old: str, new: str) -> Callable[[Program], Program]:
    """Return a rewriting that exchanges an operator inside the layers only, as a fusion does."""

    def rewrite(program: Program) -> Program:
        found = [step for layer in layers(program) for step in steps_of(layer, old)]
        return with_steps(program, {step.name: dataclasses.replace(step, op=new) for step in found})

    return rewrite


def _larger_epsilon(program: Program) -> Program:
    norms = [step for layer in layers(program) for step in steps_of(layer, "layer_norm")]
    return with_steps(program, {step.name: dataclasses.replace(step, attributes={"epsilon": 1e-5}) for step in norms})


def _not_normalised(program: Program) -> Program:
    last = next((step for step in program.steps if step.op == "l2_normalize" and len(program.steps) > 1), None)
    return program if last is None else redirected(program, last.name, str(last.inputs[0]))


def _first_token_pooled(program: Program) -> Program:
    pools = steps_of(list(program.steps), "mean_pool") if len(program.steps) > 1 else []
    return with_steps(
        program, {step.name: dataclasses.replace(step, op="cls_pool", inputs=step.inputs[:1]) for step in pools}
    )


def _one_output_for_all(program: Program) -> Program:
    if len(program.steps) == 1:
        return program
    first = next(iter(program.outputs.values()))
    same = {name for name in program.outputs.values() if program.spec(name) == program.spec(first)}
    return program.replace(outputs={label: first if name in same else name for label, name in program.outputs.items()})


_SKIPPED = rewritten(_without_the_last_layer)
_TWICE = rewritten(_layers_renamed({1: 0}))
_INTERLEAVED = rewritten(_interleaved_heads)
_TYPES_IGNORED = rewritten(_one_token_type)
_POSITIONS_FROM_1 = rewritten(_positions_from(1))
_WITHOUT_NORM = rewritten(_without_the_last_norm)
_TRANSPOSED = rewritten(_projection_transposed)

MUTANTS = (
    RuntimeMutant("the last layer is skipped", ("LIN-S1",), _SKIPPED),
    RuntimeMutant("the last layer is skipped, nothing shown", ("DEC-S2",), opaque(_SKIPPED)),
    RuntimeMutant("the second layer has the weights of the first", ("LIN-S1", "LN-S5"), _TWICE),
    RuntimeMutant("the second layer has the weights of the first, nothing shown", ("DEC-S2",), opaque(_TWICE)),
    RuntimeMutant("two layers are exchanged", ("LIN-S1", "LN-S5"), rewritten(_layers_renamed({0: 1, 1: 0}))),
    RuntimeMutant(
        "queries and keys are exchanged",
        ("SDPA-S1",),
        rewritten(_in_attention(lambda s: dataclasses.replace(s, inputs=(s.inputs[1], s.inputs[0], *s.inputs[2:])))),
    ),
    RuntimeMutant(
        "keys serve as values",
        ("SDPA-S3",),
        rewritten(_in_attention(lambda s: changed(s, 2, str(s.inputs[1])))),
    ),
    RuntimeMutant(
        "heads are interleaved",
        ("RESH-S1", "TRAN-S1"),
        showing(_INTERLEAVED, lambda program, name: getattr(program.maker(name), "op", "") not in _MOVING),
        seen_in="checkpoints of GPT-NeoX and Megatron read as if heads came first",
    ),
    RuntimeMutant("heads are interleaved, nothing shown", ("HEAD-S1", "DEC-S2"), opaque(_INTERLEAVED)),
    RuntimeMutant("the output projection is transposed", ("LIN-S1", "QL-S1"), _TRANSPOSED),
    RuntimeMutant("the output projection is transposed, nothing shown", ("DEC-S2",), opaque(_TRANSPOSED)),
    RuntimeMutant("the residual of attention is missing", ("ADD-S1",), rewritten(_without_attention_residual)),
    RuntimeMutant("the second residual starts before attention", ("ADD-S1",), rewritten(_residual_past_attention)),
    RuntimeMutant("the last LayerNorm is omitted", ("LN-S4", "LN-S5"), _WITHOUT_NORM),
    RuntimeMutant("the last LayerNorm is omitted, nothing shown", ("DEC-S2",), opaque(_WITHOUT_NORM)),
    RuntimeMutant("embeddings are not normalised", ("LN-S4", "LN-S5"), rewritten(_without_the_norm_of_embeddings)),
    RuntimeMutant("the weights of two LayerNorms are exchanged", ("LN-S5",), rewritten(_norms_exchanged)),
    RuntimeMutant("token types are ignored", ("EMB-S1",), _TYPES_IGNORED),
    RuntimeMutant("token types are ignored, nothing shown", ("DEC-S2",), opaque(_TYPES_IGNORED)),
    RuntimeMutant("positions start at 1", ("SLC-S1",), _POSITIONS_FROM_1),
    RuntimeMutant("positions start at 1, nothing shown", ("DEC-S2",), opaque(_POSITIONS_FROM_1)),
    RuntimeMutant("positions start at 2", ("SLC-S1",), rewritten(_positions_from(2)), seen_in="RoBERTa's numbering"),
    RuntimeMutant("positions repeat after 64", ("SLC-S2",), rewritten(_positions_repeat_after(64))),
    RuntimeMutant("attention is scaled by half", ("SDPA-S1",), rewritten(_in_attention(_half_the_scale))),
    RuntimeMutant("the key has the bias of the query", ("LIN-S2",), rewritten(_bias_of_the_query_on_the_key)),
    RuntimeMutant(
        "GELU fused with its Linear takes the tanh form",
        ("GELU-S1",),
        rewritten(_other_operator("gelu", "gelu_tanh")),
        seen_in="fast_gelu fusions of optimisers",
    ),
    RuntimeMutant("the activation is ReLU", ("GELU-S1",), rewritten(_other_operator("gelu", "relu"))),
    RuntimeMutant("a fused LayerNorm has epsilon 1e-5", ("LN-S4",), rewritten(_larger_epsilon)),
    RuntimeMutant("embeddings of sentences are not normalised", ("L2N-S2",), rewritten(_not_normalised)),
    RuntimeMutant("the first token is pooled", ("MEAN-S2",), rewritten(_first_token_pooled)),
    RuntimeMutant("every output is the first one", ("SQZ-S1",), rewritten(_one_output_for_all)),
)
