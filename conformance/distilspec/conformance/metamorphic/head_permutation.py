"""
Attention heads have no order.

HEAD-S1  with the heads of every layer in another order, in the rows of query, key and value and in the columns of the
    Linear behind them, the answers differ by no more than the bounds of two runs
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from distilspec.conformance.metamorphic.bench import Bench
from distilspec.conformance.metamorphic.linears import POSITIONS, read_linear, rewritten
from distilspec.conformance.result import Judgement
from distilspec.conformance.segments import QUANTISERS
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program, Step
from distilspec.reference.recipes.encoder_attention import attended

#: [batch, sequence, heads, head_dim] to [batch, heads, sequence, head_dim], and back.
BETWEEN_HEADS = (0, 2, 1, 3)


def answers(bench: Bench, inputs: Mapping[str, Array]) -> Iterator[Judgement]:
    """Compare the program with the one whose heads have another order."""
    _, executable = bench.twin("heads", lambda: permuted(bench.program))
    first, second = bench.answer(inputs), bench.ask(executable, inputs)
    what = "the attention heads in another order"
    yield from bench.compare(what, bench.limits(inputs), first, second, same_program=False)


def order(heads: int) -> list[int]:
    """
    Return an order of the heads: the first stays and the others turn by one; two are exchanged.

    From three heads on it commutes neither with the rotations of all heads nor with their reversal, so that a runtime
    that has them in one of those orders is not right by being wrong twice.

    >>> order(4)
    [0, 2, 3, 1]
    """
    return [0, *range(2, heads), 1] if heads > 2 else [1, 0]


def permuted(program: Program) -> Program:
    """
    Return the program with the heads of every attention step in another order.

    Raises
    ------
    UnsupportedError
        No attention step has more than one head, or one has heads that do not come from and go to constant Linears.
    """
    linears = []
    for step in program.steps:
        operands = attended(program, step)
        if not operands:
            continue
        heads, head_dim = _sizes(program, step)
        if heads == 1:
            continue
        features = np.arange(heads * head_dim).reshape(heads, head_dim)[order(heads)].ravel()
        for tensor in operands:
            source = _source(program, tensor, (heads, head_dim))
            linears.append(read_linear(program, source).permuted(rows=features))
        targets = _targets(program, step.outputs[0], heads * head_dim)
        linears += [read_linear(program, target).permuted(columns=features) for target in targets]
    if not linears:
        raise UnsupportedError(f"program {program.name} has no attention with several heads")
    return rewritten(program, linears)


def _sizes(program: Program, step: Step) -> tuple[int, int]:
    _, heads, _, head_dim = program.spec(step.outputs[0]).shape
    if not isinstance(heads, int) or not isinstance(head_dim, int):
        raise UnsupportedError(f"step {step.name} has heads whose number or size varies; expected fixed ones")
    return heads, head_dim


def _source(program: Program, tensor: str, sizes: tuple[int, int]) -> Step:
    """Return the step that makes the features which are divided into heads as ``tensor``."""
    turned = _expected(program, program.maker(tensor), "transpose", "axes", BETWEEN_HEADS)
    divided = _expected(program, program.maker(str(turned.inputs[0])), "reshape", "shape", sizes)
    source = program.maker(str(divided.inputs[0]))
    if source is None or _readers(program, source.outputs[0]) != [divided] or _readers(program, tensor)[1:]:
        raise UnsupportedError(f"program {program.name}: the heads {tensor} are not a Linear's alone; expected that")
    return source


def _targets(program: Program, tensor: str, features: int) -> Iterator[Step]:
    """Yield the steps that read the heads ``tensor`` joined to features again, as they are or as codes."""
    turned = _expected(program, _reader(program, tensor), "transpose", "axes", BETWEEN_HEADS)
    joined = _expected(program, _reader(program, turned.outputs[0]), "reshape", "shape", (features,))
    for reader in _readers(program, joined.outputs[0]):
        if reader.op in QUANTISERS:
            yield from (step for step in _readers(program, reader.outputs[0]) if step.op in POSITIONS)
        else:
            yield reader


def _expected(program: Program, step: Step | None, op: str, attribute: str, value: tuple[int, ...]) -> Step:
    """Return the step if it is an ``op`` whose attribute ends with ``value``."""
    found = step.attributes.get(attribute) if step is not None and step.op == op else None
    if step is None or not isinstance(found, tuple) or found[-len(value) :] != value:
        raise UnsupportedError(f"program {program.name}: its heads are not divided and joined by reshape and transpose")
    return step


def _reader(program: Program, tensor: str) -> Step | None:
    readers = _readers(program, tensor)
    return readers[0] if len(readers) == 1 and tensor not in program.outputs.values() else None


def _readers(program: Program, tensor: str) -> list[Step]:
    return [step for step in program.steps if tensor in step.inputs]
