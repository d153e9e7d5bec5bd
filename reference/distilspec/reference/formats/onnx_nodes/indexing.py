"""Gather and GatherND: elements by indices, which may be known positions instead of numbers of the input."""

from __future__ import annotations

from collections.abc import Sequence

from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.formats.onnx_nodes import known
from distilspec.reference.formats.onnx_nodes.known import Known
from distilspec.reference.formats.onnx_nodes.node import Merged, Node, Stage, prod_of
from distilspec.reference.formats.onnx_nodes.size import (
    Dim,
    Undecided,
    coefficient,
    coordinates,
    renamed,
    symbol_of,
    variable,
)


def gather(node: Node) -> None:
    """
    Read Gather.

    A constant float table and ids of the input are ``embedding``, which unlike Gather refuses negative ids.
    Positions 0, 1, ... are a slice of the table, and positions within all of the flattened axes only move axes.
    """
    axis, value, rank = node.integer("axis", 0), node.value(0), len(node.shape(0))
    if not -rank <= axis < rank:
        raise FormatError(f"its axis is {axis}; expected {-rank} to {rank - 1}")
    axis %= rank
    indices = node.known(1)
    if isinstance(value, Known) and indices is not None:
        node.give(known.gathered(value, indices, axis))
        return
    if indices is not None and any(coordinates(cell) for cell in indices.cells.flat):
        if isinstance(value, Merged):
            _gather_merged(node, value, indices, axis)
        else:
            node.chain(node.tensor(0), positions(indices, axis))
        return
    data, ids = node.tensor(0), node.tensor(1)
    is_constant = node.reading.builder.is_constant
    if axis == 0 and rank == 2 and node.is_float(0) and is_constant(data) and not is_constant(ids):
        node.result("embedding", [ids, data])
    else:
        node.result("gather", [data, ids], axis=axis)


def gather_nd(node: Node) -> None:
    """Read GatherND whose indices are positions: the axes of the data in another order."""
    indices = node.known(1)
    sizes = node.shape(0)
    if node.integer("batch_dims", 0) or indices is None or not indices.shape or indices.shape[-1] != len(sizes):
        raise UnsupportedError("its indices are not one known position an axis; expected that")
    *_, depth = indices.cells.shape
    parts = [indices.cells[..., min(place, depth - 1)] for place in range(len(sizes))]
    if any(part.size != 1 for part in parts):
        raise Undecided("its indices are numbers; expected positions")
    # Without the last axis, every coordinate is one axis nearer to the end.
    names = {f"@{place + 1}": f"@{place}" for place in range(1, len(indices.shape))}
    position: Dim = 0
    for place, part in enumerate(parts):
        cell = part.flat[0]
        if "@1" in coordinates(cell):
            raise Undecided("its indices are positions along the axis of indices; expected positions along others")
        position = position + renamed(cell, names) * prod_of(sizes[place + 1 :])
    _view(node, node.tensor(0), sizes, position, indices.shape[:-1])


def positions(indices: Known, axis: int) -> list[Stage]:
    """
    Return the steps that take the rows of a table at known positions along ``axis``.

    The positions count 0, 1, ... along one axis of the indices.
    """
    name, place = _counted(indices)
    size = indices.shape[place]
    if indices.cells.flat[0] != variable(name):
        raise Undecided(f"its indices are {indices.cells.flat[0]}; expected positions from 0 on")
    if any(other != 1 for other in indices.shape[:place] + indices.shape[place + 1 :]):
        raise Undecided("its positions are repeated; expected each once")
    added = tuple(axis + other for other in range(len(indices.shape)) if other != place)
    stages: list[Stage] = [("slice", {"axis": axis, "start": 0, "stop": symbol_of(size)})]
    return stages + ([("unsqueeze", {"axes": added})] if added else [])


def _gather_merged(node: Node, value: Merged, indices: Known, axis: int) -> None:
    sizes = node.reading.shape(value.base)
    if any(group for place, group in enumerate(value.groups) if place != axis) or indices.cells.size != 1:
        raise Undecided("its data has other axes; expected one that holds all elements")
    # The axes that Gather keeps have size 1: positions count along the axes of the indices only.
    before, after = axis, len(value.groups) - axis - 1
    names = {f"@{place}": f"@{place + after}" for place in range(1, len(indices.shape) + 1)}
    position = renamed(indices.cells.flat[0], names)
    _view(node, value.base, sizes, position, (1,) * before + indices.shape + (1,) * after)


def _view(node: Node, data: str, sizes: Sequence[Dim], position: Dim, shape: Sequence[Dim]) -> None:
    """
    Give the tensor of ``shape`` whose element is that of ``data`` at ``position``, counted with the last axis fastest.

    Each axis of ``data`` must be run through once, by one coordinate.
    """
    rank = len(shape)
    places: dict[int, int] = {}
    rest = position
    for name in coordinates(position):
        place = rank - int(name[1:])
        stride = coefficient(position, name)
        rest = rest - variable(name) * stride
        axes = [
            axis
            for axis, size in enumerate(sizes)
            if size == shape[place] and prod_of(sizes[axis + 1 :]) == stride and axis not in places.values()
        ]
        if not axes:
            raise Undecided(f"its indices are {position}; expected each axis of the data once")
        places[place] = axes[0]
    left = [axis for axis, size in enumerate(sizes) if axis not in places.values() and size != 1]
    if left or rest != 0:
        raise Undecided(f"its indices are {position}; expected each axis of the data once")
    order = [axis for axis in range(len(sizes)) if axis not in places.values()]
    dropped = tuple(range(len(order)))
    order += [places[place] for place in sorted(places)]
    stages: list[Stage] = []
    if order != sorted(order):
        stages.append(("transpose", {"axes": tuple(order)}))
    if dropped:
        stages.append(("squeeze", {"axes": dropped}))
    added = tuple(place for place in range(rank) if place not in places)
    if added:
        stages.append(("unsqueeze", {"axes": added}))
    if any(shape[place] != 1 for place in added):
        kept = tuple(1 if place in places else symbol_of(shape[place]) for place in range(rank))
        stages.append(("expand", {"shape": kept}))
    node.chain(data, stages)


def _counted(indices: Known) -> tuple[str, int]:
    """Return the one coordinate that occurs in the indices, and its axis."""
    names = set().union(*(coordinates(cell) for cell in indices.cells.flat))
    if indices.cells.size != 1 or len(names) != 1:
        raise Undecided("its indices are positions along several axes; expected one")
    name = names.pop()
    return name, len(indices.shape) - int(name[1:])
