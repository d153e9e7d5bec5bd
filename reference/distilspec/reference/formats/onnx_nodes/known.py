"""
Integer and boolean tensors whose elements are known while a file is read: shapes, axes, indices.

A program has no tensors of shapes. What an ONNX graph calculates with sizes is therefore calculated here, exactly and
for all sizes at once, and only its result, a size or a way to index, goes into the program. Nothing is guessed from
examples: where a formula does not say the answer, ``Undecided`` is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from distilspec.reference.contract.types import Array
from distilspec.reference.formats.onnx_nodes.size import Dim, Size, Undecided, coordinates, placed, renamed, variable

#: Larger constants are data, not shapes; and no calculation with shapes makes a larger tensor.
MOST_CELLS = 2**16

#: The element types whose tensors can be known.
KNOWN_TYPES = ("int64", "int32", "uint8", "int8", "bool")


@dataclass(frozen=True)
class Known:
    """
    A tensor of ``dtype`` and ``shape`` whose element at an index is the cell there.

    ``cells`` has the rank of ``shape``. Along an axis it has every element, or one: then all elements along that axis
    are that cell, in which the coordinate of the axis may occur.
    """

    dtype: str
    shape: tuple[Dim, ...]
    cells: Array

    @property
    def is_uniform(self) -> bool:
        """Whether all elements are the same."""
        return self.cells.size == 1 and not coordinates(self.cells.flat[0])

    def full(self) -> Array:
        """Return every element; ``Undecided`` unless all sizes are integers and no element has a coordinate."""
        sizes = self._integers()
        cells = self.cells
        for axis, size in enumerate(sizes):
            name = f"@{len(sizes) - axis}"
            if any(name in coordinates(cell) for cell in cells.flat):
                cells = np.concatenate([_placed(cells, name, place) for place in range(size)], axis)
        return np.broadcast_to(cells, sizes)

    def array(self) -> Array:
        """Return the elements as numbers; ``Undecided`` if one is a formula."""
        elements = self.full()
        for element in elements.flat:
            if isinstance(element, Size):
                raise Undecided(f"an element is {element}; expected a number")
        return elements.astype(self.dtype)

    def _integers(self) -> tuple[int, ...]:
        for size in self.shape:
            if isinstance(size, Size):
                raise Undecided(f"a shape has the size {size}; expected integers")
        sizes = tuple(int(size) for size in self.shape if not isinstance(size, Size))
        if prod(sizes) > MOST_CELLS:
            raise Undecided(f"a shape has {prod(sizes)} elements; expected at most {MOST_CELLS}")
        return sizes


def known_array(array: Array) -> Known:
    """Return a constant as a known tensor."""
    cells = np.empty(array.shape, object)
    cells[...] = array.tolist() if array.ndim == 0 else array.astype(object)
    return Known(str(array.dtype), array.shape, cells)


def known_sizes(sizes: Sequence[Dim]) -> Known:
    """Return the one-dimensional tensor of these sizes, as Shape gives it."""
    cells = np.empty(len(sizes), object)
    cells[:] = list(sizes)
    return Known("int64", (len(sizes),), cells)


def filled(shape: Sequence[Dim], value: Any, dtype: str) -> Known:
    """Return a tensor with one value everywhere."""
    cells = np.empty((1,) * len(shape), object)
    cells[...] = value
    return Known(dtype, tuple(shape), cells)


def arange(start: Dim, size: Dim, step: Dim, dtype: str) -> Known:
    """Return ``size`` elements from ``start`` on."""
    return filled([size], start + variable("@1") * step, dtype)


def elementwise(function: Callable[..., Any], operands: Sequence[Known], dtype: str) -> Known:
    """
    Apply a function of cells to tensors that broadcast.

    A cell that cannot be decided becomes the reason, which is raised when someone needs the cell. Exporters calculate
    such tensors only to take their shape.
    """
    shape = broadcast([operand.shape for operand in operands])
    _expect_few(np.broadcast_shapes(*(operand.cells.shape for operand in operands)))
    cells = _objects(
        np.frompyfunc(lambda *cells: _decided(function, cells), len(operands), 1)(*(one.cells for one in operands))
    )
    return Known(dtype, shape, cells.reshape((1,) * (len(shape) - cells.ndim) + cells.shape))


def broadcast(shapes: Sequence[Sequence[Dim]]) -> tuple[Dim, ...]:
    """Return the shape to which tensors broadcast; ``Undecided`` if different formulas meet."""
    rank = max(map(len, shapes))
    result = []
    for sizes in zip(*((1,) * (rank - len(shape)) + tuple(shape) for shape in shapes), strict=True):
        different = [size for size in dict.fromkeys(sizes) if size != 1]
        if len(different) > 1:
            raise Undecided(f"sizes {' and '.join(map(str, different))} meet; expected equal ones, or 1")
        result.append(different[0] if different else 1)
    return tuple(result)


def expanded(x: Known, shape: Sequence[Dim]) -> Known:
    """Return ``x`` broadcast with ``shape`` in both directions."""
    whole = broadcast([x.shape, shape])
    return Known(x.dtype, whole, x.cells.reshape((1,) * (len(whole) - x.cells.ndim) + x.cells.shape))


def transposed(x: Known, axes: Sequence[int]) -> Known:
    """Return ``x`` with its axes in another order."""
    rank = len(x.shape)
    names = {f"@{rank - axis}": f"@{rank - place}" for place, axis in enumerate(axes)}
    return Known(x.dtype, tuple(x.shape[axis] for axis in axes), _renamed(x.cells.transpose(axes), names))


def squeezed(x: Known, axes: Sequence[int]) -> Known:
    """Return ``x`` without some axes of size 1."""
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    names = {f"@{len(x.shape) - axis}": f"@{len(kept) - place}" for place, axis in enumerate(kept)}
    return Known(x.dtype, tuple(x.shape[axis] for axis in kept), _renamed(x.cells.squeeze(tuple(axes)), names))


def unsqueezed(x: Known, axes: Sequence[int]) -> Known:
    """Return ``x`` with new axes of size 1."""
    rank = len(x.shape) + len(axes)
    kept = [axis for axis in range(rank) if axis not in axes]
    names = {f"@{len(kept) - place}": f"@{rank - axis}" for place, axis in enumerate(kept)}
    sizes = dict(zip(kept, x.shape, strict=True))
    shape = tuple(sizes.get(axis, 1) for axis in range(rank))
    return Known(x.dtype, shape, _renamed(np.expand_dims(x.cells, tuple(axes)), names))


def reshaped(x: Known, shape: Sequence[Dim]) -> Known:
    """Return ``x`` in another shape with as many elements."""
    if x.is_uniform:
        return filled(shape, x.cells.flat[0], x.dtype)
    large = [axis for axis, size in enumerate(x.shape) if size != 1]
    places = [axis for axis, size in enumerate(shape) if size != 1]
    if [x.shape[axis] for axis in large] == [shape[axis] for axis in places]:
        bare = squeezed(x, [axis for axis in range(len(x.shape)) if axis not in large])
        return unsqueezed(bare, [axis for axis in range(len(shape)) if axis not in places])
    sizes = [size for size in shape if not isinstance(size, Size)]
    if len(sizes) < len(shape):
        raise Undecided("a list of sizes or positions changes its shape; expected integers for it")
    return known_cells(x.full().reshape(sizes), x.dtype)


def gathered(x: Known, indices: Known, axis: int) -> Known:
    """Return the elements of ``x`` at numeric indices along an axis of integer size."""
    return known_cells(np.take(x.full(), indices.array().astype(np.int64), axis=axis), x.dtype)


def joined(tensors: Sequence[Known], axis: int) -> Known:
    """Return tensors one after the other along an axis of integer size."""
    axis %= len(tensors[0].shape)
    place = len(tensors[0].shape) - axis
    lengths = [tensor.shape[axis] for tensor in tensors]
    others = {tensor.shape[:axis] + tensor.shape[axis + 1 :] for tensor in tensors}
    fixed = [length for length in lengths if not isinstance(length, Size)]
    if len(fixed) < len(lengths) or len(others) > 1:
        raise Undecided("tensors are joined whose sizes depend on the input; expected integers")
    if any(f"@{place}" in coordinates(cell) for tensor in tensors for cell in tensor.cells.flat):
        raise Undecided("positions are joined; expected numbers and sizes")
    sides = np.broadcast_shapes(
        *((*tensor.cells.shape[:axis], 1, *tensor.cells.shape[axis + 1 :]) for tensor in tensors)
    )
    _expect_few((*sides, sum(fixed)))
    parts = [
        np.broadcast_to(tensor.cells, (*sides[:axis], length, *sides[axis + 1 :]))
        for tensor, length in zip(tensors, fixed, strict=True)
    ]
    shape = list(tensors[0].shape)
    shape[axis] = sum(fixed)
    return Known(tensors[0].dtype, tuple(shape), np.concatenate(parts, axis))


def known_cells(cells: Array, dtype: str) -> Known:
    """Return the tensor that has exactly these elements."""
    return Known(dtype, np.shape(cells), _objects(cells))


def _objects(cells: Any) -> Array:
    array = np.empty(np.shape(cells), object)
    array[...] = cells
    return array


def _renamed(cells: Array, names: Mapping[str, str]) -> Array:
    return _mapped(cells, lambda size: renamed(size, names))


def _placed(cells: Array, name: str, place: int) -> Array:
    return _mapped(cells, lambda size: placed(size, name, place))


def _mapped(cells: Array, function: Callable[[Dim], Dim]) -> Array:
    return _objects(np.frompyfunc(lambda cell: function(cell) if isinstance(cell, Size) else cell, 1, 1)(cells))


def _decided(function: Callable[..., Any], cells: tuple[Any, ...]) -> Any:
    try:
        for cell in cells:
            coordinates(cell)
        result = function(*cells)
    except Undecided as error:
        return error
    if not isinstance(result, Size) and abs(result) >= 2**63:
        return Undecided("a calculation with sizes leaves 64 bits; expected sizes")
    return result


def _expect_few(shape: tuple[int, ...]) -> None:
    if prod(shape) > MOST_CELLS:
        raise Undecided(f"a shape has {prod(shape)} elements; expected at most {MOST_CELLS}")
