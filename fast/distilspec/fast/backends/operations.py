"""From fused steps to operations on buffers, for one batch size and sequence length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from distilspec.fast.backends.reading import code_shift
from distilspec.fast.backends.weights import KERNELS, Packed
from distilspec.fast.codegen.ir import Function
from distilspec.fast.execute.arena import Buffer
from distilspec.fast.isa.target import Target
from distilspec.fast.kernels.attention import attention, scratch_bytes
from distilspec.fast.kernels.cls_pool import cls_pool
from distilspec.fast.kernels.codes import Layout, code_bytes
from distilspec.fast.kernels.elementwise import elementwise
from distilspec.fast.kernels.embed import embed
from distilspec.fast.kernels.epilogue import Epilogue
from distilspec.fast.kernels.key_list import key_list
from distilspec.fast.kernels.l2_normalize import l2_normalize
from distilspec.fast.kernels.layer_norm import layer_norm
from distilspec.fast.kernels.mean_pool import mean_pool
from distilspec.fast.kernels.quantize import quantize
from distilspec.fast.kernels.tensor_range import tensor_range, tensor_scale
from distilspec.fast.kernels.token_range import token_range
from distilspec.fast.kernels.untile import untile
from distilspec.fast.lower.fused import (
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
    Quantize,
    Rows,
    Scales,
)
from distilspec.reference.contract.errors import UnsupportedError

Array = NDArray[Any]
Operand = Buffer | Array | int | float

#: Bytes of a float32 or int32.
WORD = 4


@dataclass(frozen=True)
class Operation:
    """
    A kernel, what its parameters are, by their names, and how its work is divided.

    ``work`` is what a unit costs, in products or in elements read.
    """

    kernel: Function
    operands: Mapping[str, Operand]
    units: int
    work: int


@dataclass(frozen=True)
class Rowed:
    """A tensor in the order of the caller: in a buffer of float32 rows of ``width``, those from start until stop."""

    buffer: Buffer
    width: int
    start: int
    stop: int


@dataclass(frozen=True)
class Space:
    """Rows in tiles: where each tile's rows begin, and how many there are."""

    tiles: int
    start: Array
    count: Array
    position: Array


@dataclass(frozen=True)
class FusedCodes:
    """A quantisation by the step that makes the tensor; ``floats`` says whether the step writes those as well."""

    quantise: Quantize
    layout: Layout
    floats: bool


class Kernels:
    """The kernels that operations ask for, each made once."""

    def __init__(self) -> None:
        """Start with none."""
        self.made: dict[tuple[Any, ...], Function] = {}

    def get(self, kernel: Callable[..., Function], *variant: Any) -> Function:
        """Return a kernel in a variant."""
        key = (kernel, *variant)
        if key not in self.made:
            self.made[key] = kernel(*variant)
        return self.made[key]


class Operations:
    """
    The operations of a forward at one batch size and sequence length.

    Attributes
    ----------
    operations : list of Operation
    inputs : mapping of name to Buffer
        int64 ids and byte masks [batch, sequence].
    outputs, shown : mappings of name to Rowed, or Buffer
        The tensors of the outputs by their labels, and those to show by their names; codes and scales as they lie.
    """

    def __init__(
        self,
        lowered: Lowered,
        packed: Mapping[str, Packed],
        target: Target,
        kernels: Kernels,
        shape: tuple[int, int],
        threads: int,
        expose: Sequence[str] = (),
    ) -> None:
        """Write down what is to be done."""
        self._lowered, self._packed, self._target, self._kernels = lowered, packed, target, kernels
        self._batch, self._sequence = shape
        self._threads = threads
        self.operations: list[Operation] = []
        self._floats: dict[str, tuple[Buffer, int, int]] = {}
        self._codes: dict[tuple[str, Layout], Buffer] = {}
        self._scales: dict[str, tuple[Operand, Operand]] = {}
        self._rows: dict[Buffer, Buffer] = {}
        self._fused = fused_codes(lowered, target)
        self.inputs = {name: self._input(name) for name in lowered.inputs}
        self.outputs: dict[str, Rowed] = {}
        self.shown: dict[str, Rowed | Buffer] = {}
        for step in lowered.steps:
            _WRITERS[type(step)](self, step)
        for label, output in lowered.outputs.items():
            self.outputs[label] = self._rowed(output.tensor)
        for name in expose:
            self.shown[name] = self._shown(name)

    @property
    def buffers(self) -> list[Buffer]:
        """Return every buffer, with the operations that use it noted in it."""
        found: dict[int, Buffer] = {id(buffer): buffer for buffer in self.inputs.values()}
        for number, operation in enumerate(self.operations):
            for operand in operation.operands.values():
                if isinstance(operand, Buffer):
                    operand.use(number)
                    found[id(operand)] = operand
        return list(found.values())

    @cached_property
    def _tokens(self) -> Space:
        return spaced(self._batch, self._sequence, self._target.tile)

    @cached_property
    def _sequences(self) -> Space:
        return spaced(1, self._batch, self._target.tile)

    def _space(self, rows: Rows) -> Space:
        return self._tokens if rows is Rows.TOKENS else self._sequences

    def _input(self, name: str) -> Buffer:
        each = 1 if name.endswith("mask") else 8
        return Buffer(self._batch * self._sequence * each, kept=True)

    def _do(
        self, kernel: Callable[..., Function], variant: Sequence[Any], operands: Mapping[str, Operand],
        units: int, work: int,
    ) -> None:  # fmt: skip
        function = self._kernels.get(kernel, self._target, *variant)
        self.operations.append(Operation(function, operands, units, work))

    def _made(self, name: str) -> Buffer:
        """Make the buffer of a float tensor."""
        tensor = self._lowered.tensors.get(name)
        assert tensor is not None
        return self._made_of(name, self._space(tensor.rows), tensor.features)

    def _made_of(self, name: str, space: Space, features: int) -> Buffer:
        buffer = Buffer(space.tiles * features * self._target.tile * WORD)
        self._floats[name] = (buffer, 0, features)
        return buffer

    def _whole(self, name: str) -> Buffer:
        """Return the buffer of a float tensor that has one for itself."""
        buffer, start, _ = self._floats[name]
        assert start == 0
        return buffer

    def _made_codes(self, quantise: Quantize, layout: Layout) -> Buffer:
        tensor = self._lowered.tensors[quantise.out]
        space = self._space(tensor.rows)
        buffer = Buffer(space.tiles * code_bytes(self._target, layout, tensor.features))
        self._codes[quantise.out, layout] = buffer
        return buffer

    def _static(self, step: Quantize) -> dict[str, Operand]:
        """Return scale and zero point of a static quantisation, by token."""
        if step.out not in self._scales:
            rows = self._space(self._lowered.tensors[step.out].rows).tiles * self._target.tile
            zero_point = step.zero_point + code_shift(self._target, signed=step.signed)
            self._scales[step.out] = np.full(rows, step.scale, np.float32), np.full(rows, zero_point, np.int32)
        scale, zero_point_by_token = self._scales[step.out]
        return {"out_scale": scale, "out_zero_point": zero_point_by_token}

    def _embed(self, step: Embed) -> None:
        space = self._tokens
        others = iter(("word", "type"))
        order = tuple("position" if ids is None else next(others) for ids in step.ids)
        operands: dict[str, Operand] = {
            "start": space.start, "count": space.count, "position": space.position, "out": self._made(step.out),
            "features": self._lowered.tensors[step.out].features,
        }  # fmt: skip
        for name, ids, table in zip(order, step.ids, step.tables, strict=True):
            operands[f"{name}_table"] = table
            if ids is not None:
                operands[f"{name}_ids"] = self.inputs[ids]
        self._do(embed, (order,), operands, space.tiles, self._elements(step.out))

    def _elements(self, name: str) -> int:
        return self._lowered.tensors[name].features * self._target.tile

    def _layer_norm(self, step: LayerNorm) -> None:
        tensor = self._lowered.tensors[step.out]
        operands: dict[str, Operand] = {
            "x": self._whole(step.x), "weight": step.weight, "bias": step.bias, "out": self._made(step.out),
            "features": tensor.features, "epsilon": step.epsilon,
        }  # fmt: skip
        fused = self._fused.get(step.out)
        layout = fused.layout if fused else None
        if fused:
            operands |= {**self._static(fused.quantise), "codes": self._made_codes(fused.quantise, fused.layout)}
        self._do(layer_norm, (layout,), operands, self._space(tensor.rows).tiles, 4 * self._elements(step.out))

    def _quantize(self, step: Quantize) -> None:
        fused = self._fused.get(step.x)
        if fused and fused.quantise is step:
            return
        tensor = self._lowered.tensors[step.out]
        space = self._space(tensor.rows)
        x = self._whole(step.x)
        if step.scales is Scales.STATIC:
            self._static(step)
        else:
            self._ranges(step, x, tensor.features, space)
        scale, zero_point = self._scales[step.out]
        for layout in layouts(self._lowered, step.out):
            operands: dict[str, Operand] = {
                "x": x, "x_scale": scale, "zero_point": zero_point, "features": tensor.features,
                "codes": self._made_codes(step, layout),
            }  # fmt: skip
            self._do(quantize, (layout,), operands, space.tiles, 8 * self._elements(step.x))

    def _ranges(self, step: Quantize, x: Buffer, features: int, space: Space) -> None:
        """Derive scales and zero points from what is to be quantised."""
        rows = space.tiles * self._target.tile
        scale, zero_point, low, high = (Buffer(size * WORD) for size in (rows, rows, space.tiles, space.tiles))
        self._scales[step.out] = scale, zero_point
        by_token: dict[str, Operand] = {"x_scale": scale, "zero_point": zero_point}
        if step.scales is Scales.TOKEN:
            operands: dict[str, Operand] = {"x": x, "features": features, **by_token}
            self._do(token_range, (), operands, space.tiles, self._elements(step.x))
        else:
            ends: dict[str, Operand] = {"low": low, "high": high}
            operands = {"x": x, "count": space.count, "features": features, **ends}
            self._do(tensor_range, (), operands, space.tiles, self._elements(step.x))
            self._do(tensor_scale, (), {**ends, "tiles": space.tiles, **by_token}, 1, rows)

    def _linear(self, step: Linear) -> None:
        features = len(step.weight)
        space = self._space(self._lowered.tensors[step.x].rows)
        packed = self._packed[step.out]
        operands: dict[str, Operand] = {**packed.operands, "tiles": space.tiles}
        if step.quantised:
            scale, zero_point = self._scales[step.x]
            codes = self._codes[step.x, Layout.ROWS if step.sparse else Layout.FACTORS]
            operands |= {"codes": codes, "x_scale": scale, "zero_point": zero_point}
        else:
            operands["x"] = self._whole(step.x)
        if step.residual is not None:
            operands["residual"] = self._whole(step.residual)
        fused = self._fused.get(step.out)
        layout = fused.layout if fused else None
        if fused:
            operands |= {**self._static(fused.quantise), "out_codes": self._made_codes(fused.quantise, fused.layout)}
        else:
            operands["out"] = self._made_of(step.out, space, features)
        for name, (start, _) in step.parts.items():
            self._floats[name] = (self._whole(step.out), start, features)
        epilogue = Epilogue(step.activation, step.residual is not None, layout)
        tokens = space.tiles * self._target.tile
        self._do(KERNELS[packed.kernel], (self._target.dot, epilogue), operands, packed.units, packed.work * tokens)

    def _attention(self, step: Attention) -> None:
        space, target = self._tokens, self._target
        buffers = [self._floats[name] for name in (step.query, step.key, step.value)]
        (query, *_), (key, *_), (value, *_) = buffers
        row = target.tile * WORD
        strides = [features * row for _, _, features in buffers]
        keys, counts = Buffer(self._batch * self._sequence * 8), Buffer(self._batch * 8)
        mask: Operand = np.ones(self._batch * self._sequence, np.uint8)
        if step.mask is not None:
            mask = self.inputs[step.mask]
        listed: dict[str, Operand] = {"keys": keys, "counts": counts}
        operands: dict[str, Operand] = {"mask": mask, "tokens": self._sequence, "tile_stride": strides[1], **listed}
        self._do(key_list, (), operands, self._batch, self._sequence)
        fused = self._fused.get(step.out)
        layout = fused.layout if fused else None
        width = step.heads * step.head_dim
        if fused:
            made: dict[str, Operand] = {
                **self._static(fused.quantise),
                "out": self._made_codes(fused.quantise, fused.layout),
            }
            out_stride, head_stride = (
                code_bytes(target, fused.layout, width),
                code_bytes(target, fused.layout, step.head_dim),
            )
        else:
            made = {"out": self._made(step.out)}
            out_stride, head_stride = width * row, step.head_dim * row
        size = scratch_bytes(target, self._sequence, step.head_dim, layout)
        places = np.array(
            [
                [
                    tile * strides[0] + (buffers[0][1] + head * step.head_dim) * row,
                    first * strides[1] + (buffers[1][1] + head * step.head_dim) * row,
                    first * strides[2] + (buffers[2][1] + head * step.head_dim) * row,
                    sequence * self._sequence * 8,
                    sequence * 8,
                    tile * out_stride + head * head_stride,
                    tile * row,
                ]
                for head in range(step.heads)
                for tile, sequence, first in space_of_tiles(space, self._batch)
            ],
            np.int64,
        )
        operands = {
            "query": query, "key": key, "value": value, **listed, "places": places, **made,
            "scratch": Buffer(self._threads * size), "scale": step.scale, "head_dim": step.head_dim,
            "scratch_size": size,
        }  # fmt: skip
        work = 2 * self._sequence * step.head_dim * target.tile
        self._do(attention, (layout, target.dot), operands, len(places), work)

    def _mean_pool(self, step: MeanPool) -> None:
        space = self._tokens
        self._pool(mean_pool, step, {"mask": self.inputs[step.mask], "start": space.start, "count": space.count})

    def _cls_pool(self, step: ClsPool) -> None:
        self._pool(cls_pool, step, {})

    def _pool(self, kernel: Callable[..., Function], step: MeanPool | ClsPool, more: Mapping[str, Operand]) -> None:
        features = self._lowered.tensors[step.out].features
        each = self._tokens.tiles // max(1, self._batch)
        operands: dict[str, Operand] = {
            "x": self._whole(step.x), "tiles": np.arange(self._batch + 1, dtype=np.int64) * each,
            "out": self._made(step.out), "features": features, **more,
        }  # fmt: skip
        self._do(kernel, (), operands, self._batch, self._sequence * features)

    def _l2_normalize(self, step: L2Normalize) -> None:
        tensor = self._lowered.tensors[step.out]
        operands: dict[str, Operand] = {
            "x": self._whole(step.x), "out": self._made(step.out), "features": tensor.features,
            "epsilon": step.epsilon,
        }  # fmt: skip
        self._do(l2_normalize, (), operands, self._space(tensor.rows).tiles, self._elements(step.out))

    def _elementwise(self, step: Elementwise) -> None:
        operands: dict[str, Operand] = {"x": self._whole(step.x), "out": self._made(step.out)}
        if step.y is not None:
            operands["y"] = self._whole(step.y)
        tensor = self._lowered.tensors[step.out]
        vectors = self._space(tensor.rows).tiles * tensor.features * self._target.dot
        self._do(elementwise, (step.op,), operands, vectors, 8 * self._target.lanes)

    def _rowed(self, name: str) -> Rowed:
        """Return a float tensor as rows in the order of the caller."""
        buffer, start, width = self._floats[name]
        tensor = self._lowered.tensors[name]
        if buffer not in self._rows:
            space = self._space(tensor.rows)
            out = Buffer(int(space.count.sum()) * width * WORD, kept=True)
            operands: dict[str, Operand] = {
                "x": buffer, "start": space.start, "count": space.count, "out": out, "features": width,
                "width": width, "column": 0,
            }  # fmt: skip
            self._do(untile, (), operands, space.tiles, width * self._target.tile)
            self._rows[buffer] = out
        return Rowed(self._rows[buffer], width, start, start + tensor.features)

    def _shown(self, name: str) -> Rowed | Buffer:
        """Return what a tensor is shown from: floats as the caller has them, codes and scales as they lie."""
        if name in self._floats:
            return self._rowed(name)
        found: Operand | None = next((buffer for (codes, _), buffer in self._codes.items() if codes == name), None)
        for step in self._lowered.steps:
            if isinstance(step, Quantize) and name in step.derived:
                found = self._scales[step.out][step.derived.index(name)]
        if not isinstance(found, Buffer):
            raise UnsupportedError(f"tensor {name}: the fast engine does not hold it; expected one of its survivors")
        found.kept = True
        return found


def spaced(sequences: int, length: int, tile: int) -> Space:
    """Return sequences of one length in tiles, each beginning with a tile of its own."""
    each = -(-length // tile)
    first = np.arange(each, dtype=np.int64) * tile
    starts = (np.arange(sequences, dtype=np.int64)[:, None] * length + first).ravel()
    counts = np.tile(np.minimum(tile, length - first), sequences)
    return Space(sequences * each, starts, counts, np.tile(first, sequences))


def space_of_tiles(space: Space, sequences: int) -> list[tuple[int, int, int]]:
    """Return for every tile its number, its sequence, and the first tile of that sequence."""
    each = space.tiles // max(1, sequences)
    return [(tile, tile // each, tile // each * each) for tile in range(space.tiles)]


def layouts(lowered: Lowered, codes: str) -> list[Layout]:
    """Return in which layouts codes are read."""
    readers = [step for step in lowered.steps if isinstance(step, Linear) and step.x == codes]
    return sorted({Layout.ROWS if step.sparse else Layout.FACTORS for step in readers})


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
        found = layouts(lowered, quantisers[0].out)
        alone = len(readers[step.out]) == 1 and step.out not in shown
        if len(found) != 1 or not (alone or isinstance(step, LayerNorm)):
            continue
        if isinstance(step, Attention) and found[0] is Layout.FACTORS and step.head_dim % target.dot:
            continue
        fused[step.out] = FusedCodes(quantisers[0], found[0], floats=isinstance(step, LayerNorm))
    return fused


def read_by(step: Fused) -> list[str]:
    """Return the tensors that a step reads."""
    fields = ("x", "y", "residual", "query", "key", "value")
    return [name for field in fields if (name := getattr(step, field, None)) is not None]


_WRITERS: Mapping[type[Fused], Callable[[Operations, Any], None]] = {
    Attention: Operations._attention,
    ClsPool: Operations._cls_pool,
    Elementwise: Operations._elementwise,
    Embed: Operations._embed,
    L2Normalize: Operations._l2_normalize,
    LayerNorm: Operations._layer_norm,
    Linear: Operations._linear,
    MeanPool: Operations._mean_pool,
    Quantize: Operations._quantize,
}
