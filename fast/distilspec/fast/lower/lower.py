"""``lower``: a program as fused steps, or an error that names the first step that the fast engine does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np

from distilspec.fast.lower.attention_codes import find_quantized_attention
from distilspec.fast.lower.constants import dequantized, unpacked
from distilspec.fast.lower.fused import (
    Array,
    Attention,
    ClsPool,
    Elementwise,
    Embed,
    Fused,
    L2Normalize,
    LayerNorm,
    Linear,
    Lowered,
    MeanPool,
    Output,
    Quantize,
    QuantizedAttention,
    Rows,
    Scales,
    Tensor,
)
from distilspec.fast.lower.merge import merged
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.program import Program, Step

#: Operators of one operand that keep the shape, each with its own name in the fused step.
ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "sigmoid", "silu", "tanh")

#: The places of the inputs' two axes.
BATCH, SEQUENCE = 0, 1

#: The most inputs of ids whose rows one fused step adds.
MOST_IDS = 2


def lower(program: Program) -> Lowered:
    """
    Return a program as fused steps.

    Raises
    ------
    UnsupportedError
        A step, by its name, that no fused step carries out, with what would be.
    """
    lowering = _Lowering(program)
    for step in program.steps:
        lowering.take(step)
    return lowering.finished()


@dataclass(frozen=True)
class _Heads:
    """A tensor of rows seen as heads: [batch, heads, sequence, head_dim] if ``by_head``, else with heads third."""

    tensor: str
    heads: int
    head_dim: int
    by_head: bool = False


class _Lowering:
    """Takes one step after the other and remembers what each tensor has become."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._steps: list[Fused] = []
        self._tensors: dict[str, Tensor] = {}
        self._constants: dict[str, Array] = dict(program.constants)
        self._heads: dict[str, _Heads] = {}
        self._masks: dict[str, str] = {}
        self._slices: dict[str, Output] = {}
        self._positions: dict[str, Array] = {}
        self._quantized_attention, self._inside = find_quantized_attention(program)
        self._readers = Counter(name for step in program.steps for name in step.inputs if name is not None)
        self._readers.update(program.outputs.values())

    def take(self, step: Step) -> None:
        """Lower one step."""
        if step.name in self._inside:
            return
        if step.name in self._quantized_attention:
            self._emit_quantized_attention(step)
            return
        if step.op in ACTIVATIONS:
            self._activation(step)
            return
        taker = _TAKERS.get(step.op)
        if taker is None:
            raise UnsupportedError(f"step {step.name}: the fast engine has no {step.op}; expected {_nearest(step.op)}")
        taker(self, step)

    def finished(self) -> Lowered:
        """Return what all steps have become."""
        outputs = {label: self._output(label, tensor) for label, tensor in self._program.outputs.items()}
        return Lowered(tuple(self._program.inputs), tuple(merged(self._steps)), self._tensors, outputs)

    def _output(self, label: str, tensor: str) -> Output:
        if tensor in self._slices:
            return self._slices[tensor]
        if not self._is_rows(tensor):
            raise UnsupportedError(f"output {label}: {tensor} is no float tensor of rows of features; expected one")
        return Output(tensor, 0, self._tensors[tensor].features)

    def _emit(self, step: Fused, tensor: Tensor) -> None:
        self._steps.append(step)
        self._tensors[step.out] = tensor

    def _refuse(self, step: Step, expected: str) -> UnsupportedError:
        return UnsupportedError(
            f"step {step.name}: {step.op} of {', '.join(map(str, step.inputs))}; expected {expected}"
        )

    def _rows(self, step: Step, place: int = 0, codes: bool = False) -> str:
        """Return the name of an operand that is rows of features."""
        name = step.inputs[place]
        if name is None or not self._is_rows(name, codes):
            raise self._refuse(step, f"operand {place} to be {'codes' if codes else 'floats'} in rows of features")
        return name

    def _is_rows(self, name: str, codes: bool = False) -> bool:
        return name in self._tensors and name not in self._heads and self._tensors[name].codes == codes

    def _constant(self, step: Step, place: int) -> Array:
        name = step.inputs[place] if place < len(step.inputs) else None
        if name is None or name not in self._constants:
            raise self._refuse(step, f"operand {place} to be a constant")
        return self._constants[name]

    def _last_linear(self, name: str) -> int | None:
        """Return the place of the Linear that makes a tensor which one step alone reads, if that can be fused."""
        if self._readers[name] != 1:
            return None
        for place, made in enumerate(self._steps):
            if made.out == name and isinstance(made, Linear):
                return place
        return None

    def _embedding(self, step: Step) -> None:
        ids, table = str(step.inputs[0]), self._constant(step, 1)
        spec = self._program.inputs.get(ids)
        if spec is None or spec.dtype == "bool" or len(spec.shape) != 2 or spec.shape[SEQUENCE] == 0:
            raise self._refuse(step, "operand 0 to be an input [batch, sequence] of the program, with tokens")
        self._emit(Embed(step.name, (ids,), (_float(table),)), Tensor(Rows.TOKENS, table.shape[1]))

    def _slice(self, step: Step) -> None:
        attributes = {"step": 1, **_attributes(step)}
        axis, start, stop = (attributes[name] for name in ("axis", "start", "stop"))
        if attributes["step"] != 1:
            raise self._refuse(step, f"neighbours, step 1 in place of {attributes['step']}")
        if step.inputs[0] in self._constants:
            table = self._constant(step, 0)
            sequences = [spec.shape[SEQUENCE] for spec in self._program.inputs.values() if len(spec.shape) == 2]
            if axis != 0 or start != 0 or stop not in sequences or table.ndim != 2:
                raise self._refuse(step, "the rows of a table from 0 until before sequence, the tokens of a sequence")
            self._positions[step.name] = _float(table)
            return
        x = self._rows(step)
        if axis not in (-1, len(self._program.spec(x).shape) - 1) or isinstance(stop, str):
            raise self._refuse(step, "some of the features of a tensor")
        first, last, _ = slice(start, stop).indices(self._tensors[x].features)
        self._slices[step.name] = Output(x, first, max(first, last))

    def _squeeze(self, step: Step) -> None:
        view = self._slices.get(str(step.inputs[0]))
        last = len(self._program.spec(str(step.inputs[0])).shape) - 1
        if view is None or view.stop - view.start != 1 or tuple(_attributes(step)["axes"]) not in ((-1,), (last,)):
            raise self._refuse(step, "one feature of a tensor, and its axis")
        self._slices[step.name] = replace(view, squeezed=True)

    def _unsqueeze(self, step: Step) -> None:
        mask = self._mask_input(step, 0)
        if tuple(_attributes(step)["axes"]) != (1, 2):
            raise self._refuse(step, "axes 1 and 2 put in")
        self._masks[step.name] = mask

    def _mask_input(self, step: Step, place: int) -> str:
        """Return the name of an operand that is a mask as the caller gives it."""
        spec = self._program.inputs.get(str(step.inputs[place]))
        if spec is None or spec.dtype != "bool" or len(spec.shape) != 2:
            raise self._refuse(step, "a mask that is a bool input [batch, sequence] of the program")
        return str(step.inputs[place])

    def _reshape(self, step: Step) -> None:
        name, shape = str(step.inputs[0]), self._program.spec(step.name).shape
        seen = self._heads.get(name)
        tensor = name if seen is None else seen.tensor
        known = self._tensors.get(tensor)
        if known is None or known.rows is not Rows.TOKENS or shape[:2] != self._program.spec(name).shape[:2]:
            raise self._refuse(step, "features split into heads, or heads joined")
        match shape[2:]:
            case (int(heads), int(head_dim)) if seen is None and heads * head_dim == known.features:
                self._heads[step.name] = _Heads(name, heads, head_dim)
            case (features,) if features == known.features and seen and not seen.by_head and self._readers[tensor] == 1:
                self._rename(tensor, step.name)
            case _:
                raise self._refuse(step, "features split into heads, or heads joined")

    def _transpose(self, step: Step) -> None:
        seen = self._heads.get(str(step.inputs[0]))
        if seen is None or tuple(_attributes(step)["axes"]) != (0, 2, 1, 3):
            raise self._refuse(step, "heads split from features, axes (0, 2, 1, 3)")
        self._heads[step.name] = replace(seen, by_head=not seen.by_head)

    def _rename(self, old: str, new: str) -> None:
        """Let the step that makes a tensor make it under another name; the layout has no difference between them."""
        place = next(place for place, made in enumerate(self._steps) if made.out == old)
        self._steps[place] = replace(self._steps[place], out=new)
        self._tensors[new] = self._tensors.pop(old)

    def _attention(self, step: Step) -> None:
        mask = step.inputs[3] if len(step.inputs) > 3 else None
        self._emit_attention(step, self._attended(step, step.inputs[:3], mask, float(_attributes(step)["scale"])))

    def _emit_quantized_attention(self, step: Step) -> None:
        found = self._quantized_attention[step.name]
        plain = self._attended(step, found.heads, found.mask, found.score_scale)
        query_scale, key_scale, value_scale = found.scales
        fused = QuantizedAttention(
            **vars(plain), query_scale=query_scale, query_zero_point=found.query_zero_point, key_scale=key_scale,
            value_scale=value_scale,
        )  # fmt: skip
        self._emit_attention(step, fused)

    def _attended(self, step: Step, heads: Sequence[str | None], mask: str | None, scale: float) -> Attention:
        """Return the attention of three tensors of heads."""
        operands = [self._heads.get(str(name)) for name in heads]
        query, key, value = operands
        if query is None or key is None or value is None or not all(o is not None and o.by_head for o in operands):
            raise self._refuse(step, "heads [batch, heads, sequence, head_dim] that were split from features")
        if len({(o.heads, o.head_dim) for o in (query, key, value)}) != 1:
            raise self._refuse(step, "as many heads, as wide, of query, key and value")
        if mask is not None and mask not in self._masks:
            raise self._refuse(step, "a mask that is a bool input of the program with axes 1 and 2 put in")
        return Attention(
            query.tensor, key.tensor, value.tensor, step.name, query.heads, query.head_dim, scale,
            None if mask is None else self._masks[mask],
        )  # fmt: skip

    def _emit_attention(self, step: Step, fused: Attention) -> None:
        self._emit(fused, Tensor(Rows.TOKENS, fused.heads * fused.head_dim))
        self._heads[step.name] = _Heads(step.name, fused.heads, fused.head_dim, by_head=True)

    def _layer_norm(self, step: Step) -> None:
        x = self._rows(step)
        weight, bias = (_float(self._constant(step, place)) for place in (1, 2))
        self._emit(LayerNorm(x, step.name, weight, bias, float(_attributes(step)["epsilon"])), self._tensors[x])

    def _linear(self, step: Step, weight: Array | None = None) -> None:
        x = self._rows(step)
        held = _float(self._constant(step, 1)) if weight is None else weight
        self._emit_linear(Linear(x, step.name, held, self._bias(step, 2 if weight is None else 4, len(held))))

    def _block_sparse_linear(self, step: Step) -> None:
        self._linear(step, _float(self._unpacked(step, 1)))

    def _quantized_linear(self, step: Step, sparse: bool = False) -> None:
        x = self._rows(step, codes=True)
        quantised = next(made for made in self._steps if made.out == x)
        assert isinstance(quantised, Quantize)
        scales = quantised.derived or self._static.get(x, ())
        if tuple(step.inputs[1:3]) != scales:
            raise self._refuse(step, f"the scale and zero point of {x}")
        weight = self._unpacked(step, 3) if sparse else self._constant(step, 3)
        _, *block = self._constant(step, 3).shape
        largest = int(np.abs(weight.astype(np.int16)).max(initial=0))
        after = 6 if sparse else 4
        if len(step.inputs) > after + 2:
            raise self._refuse(step, "no scale of the output: a step of its own quantises it")
        w_scale = np.broadcast_to(_float(self._constant(step, after)), len(weight)).copy()
        bias = self._bias(step, after + 1, len(weight))
        self._emit_linear(Linear(x, step.name, weight, bias, w_scale, tuple(block) if sparse else None, largest))

    def _quantized_block_sparse_linear(self, step: Step) -> None:
        self._quantized_linear(step, sparse=True)

    def _emit_linear(self, linear: Linear) -> None:
        self._emit(linear, Tensor(self._tensors[linear.x].rows, len(linear.weight)))

    def _bias(self, step: Step, place: int, features: int) -> Array:
        if place >= len(step.inputs) or step.inputs[place] is None:
            return np.zeros(features, np.float32)
        return _float(self._constant(step, place))

    def _unpacked(self, step: Step, place: int) -> Array:
        """Return a block-sparse weight with its zeros put in."""
        data, indices, indptr = (self._constant(step, place + index) for index in range(3))
        return unpacked(data, indices, indptr, int(self._program.spec(str(step.inputs[0])).shape[-1]))

    @property
    def _static(self) -> Mapping[str, tuple[str | None, ...]]:
        quantisers = (step for step in self._program.steps if step.op == "quantize")
        return {step.name: tuple(step.inputs[1:3]) for step in quantisers}

    def _dequantize(self, step: Step) -> None:
        zero_point = self._constant(step, 2) if len(step.inputs) > 2 and step.inputs[2] is not None else None
        codes, scale = (self._constant(step, place) for place in (0, 1))
        self._constants[step.name] = dequantized(codes, scale, zero_point, _attributes(step).get("axis"))

    def _quantize(self, step: Step) -> None:
        x, scale, zero_point = self._rows(step), self._constant(step, 1), self._constant(step, 2)
        if scale.size != 1 or zero_point.size != 1:
            raise self._refuse(step, "one scale and one zero point for the tensor")
        signed = zero_point.dtype == np.int8
        made = Quantize(x, step.name, Scales.STATIC, signed, float(scale.item()), int(zero_point.item()))
        self._emit(made, replace(self._tensors[x], codes=True))

    def _dynamic_quantize(self, step: Step, scales: Scales = Scales.TENSOR, signed: bool = False) -> None:
        x = self._rows(step)
        made = Quantize(x, step.name, scales, signed, derived=step.outputs[1:])
        self._emit(made, replace(self._tensors[x], codes=True))

    def _dynamic_quantize_token(self, step: Step) -> None:
        self._dynamic_quantize(step, Scales.TOKEN, signed=True)

    def _activation(self, step: Step) -> None:
        x = self._rows(step)
        place = self._last_linear(x)
        made = self._steps[place] if place is not None else None
        if isinstance(made, Linear) and made.activation is None and made.residual is None:
            self._fuse(place, x, replace(made, out=step.name, activation=step.op))
        else:
            self._emit(Elementwise(step.op, x, None, step.name), self._tensors[x])

    def _add(self, step: Step) -> None:
        if self._adds_tables(step):
            return
        x, y = self._rows(step, 0), self._rows(step, 1)
        if self._tensors[x] != self._tensors[y]:
            raise self._refuse(step, "operands of one shape")
        for here, other in ((x, y), (y, x)):
            place = self._last_linear(here)
            made = self._steps[place] if place is not None else None
            before = any(made.out == other for made in self._steps[:place])
            if isinstance(made, Linear) and made.residual is None and before:
                self._fuse(place, here, replace(made, out=step.name, residual=other))
                return
        self._emit(Elementwise("add", x, y, step.name), self._tensors[x])

    def _adds_tables(self, step: Step) -> bool:
        """Fuse an addition of embeddings into one step, in the order in which the program adds them."""
        first, second = (str(name) for name in step.inputs)
        made = {embed.out: embed for embed in self._steps if isinstance(embed, Embed)}
        if first not in made or self._readers[first] != 1:
            return False
        if second in self._positions:
            ids, tables = (*made[first].ids, None), (*made[first].tables, self._positions[second])
        elif second in made and self._readers[second] == 1:
            ids, tables = (*made[first].ids, *made[second].ids), (*made[first].tables, *made[second].tables)
        else:
            return False
        if (
            ids.count(None) > 1
            or len(ids) - ids.count(None) > MOST_IDS
            or len({table.shape[1] for table in tables}) > 1
        ):
            return False
        if second in made:
            self._steps.remove(made[second])
            del self._tensors[second]
        tensor = self._tensors.pop(first)
        self._steps.remove(made[first])
        self._emit(Embed(step.name, ids, tables), tensor)
        return True

    def _fuse(self, place: int | None, old: str, fused: Linear) -> None:
        assert place is not None
        self._steps[place] = fused
        self._tensors[fused.out] = self._tensors.pop(old)

    def _mean_pool(self, step: Step) -> None:
        x, mask = self._rows(step), self._mask_input(step, 1)
        self._emit(MeanPool(x, mask, step.name), replace(self._tensors[x], rows=Rows.SEQUENCES))

    def _cls_pool(self, step: Step) -> None:
        x = self._rows(step)
        self._emit(ClsPool(x, step.name), replace(self._tensors[x], rows=Rows.SEQUENCES))

    def _l2_normalize(self, step: Step) -> None:
        x = self._rows(step)
        rank = len(self._program.spec(step.name).shape)
        if int(_attributes(step).get("axis", -1)) not in (-1, rank - 1):
            raise self._refuse(step, "the last axis")
        self._emit(L2Normalize(x, step.name, float(_attributes(step).get("epsilon", 1e-12))), self._tensors[x])


def _nearest(op: str) -> str:
    """Return what a program is expected to have instead of an operator."""
    close = get_close_matches(op, OPERATORS, n=1)
    found = _HOLDERS.get(op) or (close[0] if close else None)
    return "one of distilspec.fast.OPERATORS" if found is None else f"{found}, the nearest that it has"


def _attributes(step: Step) -> Mapping[str, Any]:
    return step.attributes


def _float(array: Any) -> Array:
    return np.asarray(array, np.float32)


_TAKERS: Mapping[str, Callable[[_Lowering, Step], None]] = {
    "add": _Lowering._add,
    "block_sparse_linear": _Lowering._block_sparse_linear,
    "cls_pool": _Lowering._cls_pool,
    "dequantize": _Lowering._dequantize,
    "dynamic_quantize": _Lowering._dynamic_quantize,
    "dynamic_quantize_token": _Lowering._dynamic_quantize_token,
    "embedding": _Lowering._embedding,
    "l2_normalize": _Lowering._l2_normalize,
    "layer_norm": _Lowering._layer_norm,
    "linear": _Lowering._linear,
    "mean_pool": _Lowering._mean_pool,
    "quantize": _Lowering._quantize,
    "quantized_block_sparse_linear": _Lowering._quantized_block_sparse_linear,
    "quantized_linear": _Lowering._quantized_linear,
    "reshape": _Lowering._reshape,
    "scaled_dot_product_attention": _Lowering._attention,
    "slice": _Lowering._slice,
    "squeeze": _Lowering._squeeze,
    "transpose": _Lowering._transpose,
    "unsqueeze": _Lowering._unsqueeze,
}

#: The operators that hold others which a program has by themselves.
_HOLDERS = {
    "erf": "gelu", "matmul": "linear", "matmul_integer": "quantized_linear", "softmax": "scaled_dot_product_attention",
}  # fmt: skip

#: The operators that programs may consist of.
OPERATORS = tuple(sorted({*_TAKERS, *ACTIVATIONS}))
