"""The name of the numerics that a program has which somebody else made."""

from __future__ import annotations

import numpy as np

from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

_PRODUCTS = frozenset({"linear", "matmul", "matmul_integer"})

#: Steps whose result is codes, or their real numbers, if their first operand is.
_SAME = frozenset({"cast", "concat", "dequantize", "expand", "gather", "reshape", "slice"}) | {
    "squeeze",
    "transpose",
    "unsqueeze",
}

#: What corrects a product of codes for a zero point, or divides by how much they weigh: part of the product.
_SUMS = frozenset({"reduce_sum"})

_QUANTISERS = {"quantize": "static", "dynamic_quantize": "dynamic", "dynamic_quantize_token": "dynamic-token"}


def found_recipe(program: Program) -> str:
    """
    Return what the products of a program with its constant matrices are calculated with.

    That is the name of a recipe, or another one of the same form, such as ``w32a8-static``. A weight of signed codes
    has seven bits if all lie in [-64, 64]. A mixture is joined by ``+``, in which float products count only before one
    of codes, because heads are float in every recipe. ``-attn`` says that products of two activations are made of codes
    too, ``-elementwise`` that other operators read codes. Without products of codes, constants that are codes make it
    ``w8a32``.

    Examples
    --------
    >>> from distilspec.reference.contract.types import TensorSpec
    >>> found_recipe(Program("nothing", {"x": TensorSpec("float", (1,))}, {}, (), {"y": "x"}, {}))
    'fp32'
    """
    tensors = _Tensors(program)
    kinds: list[str] = []
    suffixes: set[str] = set()
    for step in program.steps:
        operands = [str(name) for name in (step.inputs[:2] if step.op in _PRODUCTS else step.inputs)]
        held = [tensors.held(name) for name in operands if name not in tensors.constant]
        if step.op not in _PRODUCTS:
            if not (step.op in _SAME | _SUMS or step.op in _QUANTISERS) and any(held):
                suffixes.add("-elementwise")
        elif len(held) == 1:
            kinds.append(_name(max(tensors.bits.get(name, 0) for name in operands) or 32, held[0]))
        elif all(held):
            suffixes.add("-attn")
    while set(kinds) > {Recipe.FP32} and kinds[-1] == Recipe.FP32:
        kinds.pop()
    if set(kinds) <= {Recipe.FP32}:
        kinds = [Recipe.W8A32 if tensors.bits else Recipe.FP32]
    return "+".join(dict.fromkeys(map(str, kinds))) + "".join(sorted(suffixes))


def _name(weight: int, held: str) -> str:
    if weight == 32 and not held:
        return Recipe.FP32
    return f"w{weight}a8-{held}" if held else Recipe.W8A32


def _bits(array: Array) -> int:
    """Return how many bits the codes of a constant have; 0 for a constant of another type, or a single number."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize != 1 or array.size < 2:
        return 0
    largest = np.abs(array.astype(np.int64)).max()
    return 7 if array.dtype.kind == "i" and largest <= Recipe.W7A8_STATIC.largest_weight_code else 8


class _Tensors:
    """
    What the tensors of a program hold.

    ``constant`` are calculated from constants alone, ``bits`` has those among them that come from codes, with the bits
    of the widest of those.
    """

    def __init__(self, program: Program) -> None:
        self._makers = {output: step for step in program.steps for output in step.outputs}
        self.constant = set(program.constants)
        self.bits = {name: bits for name, array in program.constants.items() if (bits := _bits(array))}
        for step in program.steps:
            operands = {name for name in step.inputs if name is not None}
            if operands <= self.constant:
                self.constant.update(step.outputs)
                if bits := max((self.bits.get(name, 0) for name in operands), default=0):
                    self.bits.update(dict.fromkeys(step.outputs, bits))

    def held(self, name: str) -> str:
        """Return how the codes were made that a tensor holds, or an empty text if it holds none."""
        step = self._makers.get(name)
        while step is not None and step.op in _SAME:
            name = str(step.inputs[0])
            step = self._makers.get(name)
        if step is None or step.op not in _QUANTISERS or name != step.name:
            return ""
        is_calculated = step.op == "quantize" and step.inputs[1] not in self.constant
        return "dynamic-token" if is_calculated else _QUANTISERS[step.op]
