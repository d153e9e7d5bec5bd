"""Nodes that move elements, and the shapes that they are told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import AttributeProto

from distilspec.reference.contract.errors import FormatError, UnsupportedError
from distilspec.reference.contract.types import Attribute
from distilspec.reference.formats.onnx_nodes import known
from distilspec.reference.formats.onnx_nodes.known import Known
from distilspec.reference.formats.onnx_nodes.node import OTHER_FLOATS, Merged, Node, prod_of
from distilspec.reference.formats.onnx_nodes.size import Dim, Size, Undecided, divided, symbol_of


def shape_of(node: Node) -> None:
    """Read Shape."""
    sizes = node.shape(0)
    start, end = node.integer("start", 0), node.integer("end", len(sizes))
    node.give(known.known_sizes(sizes[start:end]))


def constant(node: Node) -> None:
    """Read Constant: a tensor, a number or a list of numbers."""
    value = node.get("value", None, AttributeProto.TENSOR)
    for name, kind, dtype in (
        ("value_int", AttributeProto.INT, np.int64),
        ("value_ints", AttributeProto.INTS, np.int64),
        ("value_float", AttributeProto.FLOAT, np.float32),
        ("value_floats", AttributeProto.FLOATS, np.float32),
    ):
        given = node.get(name, None, kind)
        value = value if given is None else np.array(given, dtype)
    if value is None:
        raise FormatError("it has no value; expected one of numbers")
    node.hold(value)


def constant_of_shape(node: Node) -> None:
    """Read ConstantOfShape."""
    value = node.get("value", np.zeros(1, np.float32), AttributeProto.TENSOR)
    shape = _sizes(node, 0)
    if value.size != 1:
        raise FormatError(f"its value has {value.size} elements; expected 1")
    if str(value.dtype) in OTHER_FLOATS:
        raise UnsupportedError(f"its value is {OTHER_FLOATS[str(value.dtype)]}; expected another type")
    if str(value.dtype) in known.KNOWN_TYPES:
        node.give(known.filled(shape, value.ravel()[0].item(), str(value.dtype)))
    else:
        element = node.constant("element", value.reshape((1,) * len(shape)))
        node.result("expand", [element], shape=_symbols(shape))


def range_of(node: Node) -> None:
    """Read Range with a known start, limit and step of 1."""
    node.integer("stash_type", 0)
    operands = node.all_known()
    if operands is None:
        raise Undecided("its limits depend on the input; expected sizes")
    start, limit, step = (operand.full().item() for operand in operands)
    if step != 1:
        raise Undecided(f"its step is {step}; expected 1")
    size = limit - start
    node.give(known.arange(start, size if isinstance(size, Size) else max(size, 0), step, operands[0].dtype))


def reshape(node: Node) -> None:
    """Read Reshape."""
    given = node.shape(0)
    copies = not node.integer("allowzero", 0)
    asked = list(_sizes(node, 1))
    for place, size in enumerate(asked):
        if size == 0 and copies:
            if place >= len(given):
                raise FormatError(f"it copies size {place} of a tensor of rank {len(given)}; expected a size")
            asked[place] = given[place]
    to_shape(node, asked)


def flatten(node: Node) -> None:
    """Read Flatten."""
    given = node.shape(0)
    axis = node.integer("axis", 1)
    axis = axis if axis == len(given) else _axis(axis, len(given))
    to_shape(node, [prod_of(given[:axis]), prod_of(given[axis:])])


def to_shape(node: Node, asked: Sequence[Dim]) -> None:
    """Give operand 0 in another shape, in which one size may be -1."""
    value, given = node.value(0), node.shape(0)
    target = list(asked)
    if target.count(-1) > 1:
        raise FormatError("its shape has -1 more than once; expected at most one")
    if -1 in target:
        target[target.index(-1)] = divided(prod_of(given), prod_of(size for size in target if size != -1))
    if prod_of(target) != prod_of(given):
        shown = ", ".join(map(str, given))
        raise FormatError(f"its shape is ({', '.join(map(str, target))}); expected as many elements as ({shown})")
    if isinstance(value, Known):
        node.give(known.reshaped(value, target))
        return
    base = value.base if isinstance(value, Merged) else value
    sizes = node.reading.shape(base)
    if tuple(target) == sizes:
        node.give(base)
        return
    try:
        attribute = _symbols(target)
    except Undecided:
        node.give(Merged(base, _groups(sizes, target)))
    else:
        node.result("reshape", [base], shape=attribute)


def transpose(node: Node) -> None:
    """Read Transpose."""
    value, rank = node.value(0), len(node.shape(0))
    axes = tuple(node.get("perm", list(range(rank))[::-1], AttributeProto.INTS))
    if sorted(axes) != list(range(rank)):
        raise FormatError(f"its perm is {axes!r:.60}; expected each of 0 to {rank - 1} once")
    if isinstance(value, Known):
        node.give(known.transposed(value, axes))
    elif isinstance(value, Merged):
        chosen = [value.groups[axis] for axis in axes]
        order = [axis for group in chosen for axis in group]
        starts = np.cumsum([0, *map(len, chosen)]).tolist()
        name = node.step("apart", "transpose", [value.base], axes=tuple(order))
        groups = tuple(tuple(range(start, start + len(group))) for start, group in zip(starts, chosen, strict=False))
        node.give(Merged(name, groups))
    else:
        node.result("transpose", [value], axes=axes)


def expand(node: Node) -> None:
    """Read Expand."""
    shape = _sizes(node, 1)
    value = node.value(0)
    if isinstance(value, Known):
        node.give(known.expanded(value, shape))
        return
    if known.broadcast([node.shape(0), shape]) == node.shape(0):
        node.give(value)
        return
    node.result("expand", [node.tensor(0)], shape=_symbols(shape))


def squeeze(node: Node) -> None:
    """Read Squeeze."""
    value, sizes = node.value(0), node.shape(0)
    given = node.integers(1, "axes", 13)
    if given is None:
        if any(isinstance(size, Size) for size in sizes):
            raise Undecided("it removes the axes that have size 1; expected axes because a size depends on the input")
        given = [axis for axis, size in enumerate(sizes) if size == 1]
    axes = _axes(given, len(sizes))
    if any(sizes[axis] != 1 for axis in axes):
        raise FormatError(f"it removes axes {axes} of ({', '.join(map(str, sizes))}); expected size 1 on each")
    if isinstance(value, Known):
        node.give(known.squeezed(value, axes))
    elif not axes:
        node.give(value)
    else:
        node.result("squeeze", [node.tensor(0)], axes=axes)


def unsqueeze(node: Node) -> None:
    """Read Unsqueeze."""
    value, rank = node.value(0), len(node.shape(0))
    given = node.integers(1, "axes", 13)
    if not given:
        raise FormatError("it has no axes; expected some")
    axes = _axes(given, rank + len(given))
    if isinstance(value, Known):
        node.give(known.unsqueezed(value, axes))
    else:
        node.result("unsqueeze", [node.tensor(0)], axes=axes)


def concat(node: Node) -> None:
    """Read Concat."""
    axis = _axis(node.integer("axis", 0), len(node.shape(0)))
    operands = node.all_known()
    if operands is not None and len({len(operand.shape) for operand in operands}) == 1:
        node.give(known.joined(operands, axis))
    else:
        node.result("concat", node.tensors(), axis=axis)


def split(node: Node) -> None:
    """Read Split as one slice an output."""
    sizes = node.shape(0)
    axis = _axis(node.integer("axis", 0), len(sizes))
    lengths = node.integers(1, "split", 13)
    count = node.integer("num_outputs", len(node.proto.output)) if node.opset >= 18 else len(node.proto.output)
    size = sizes[axis]
    if isinstance(size, Size) or count != len(node.proto.output):
        raise Undecided(f"it splits {size} into {count}; expected an integer and as many outputs")
    each = -(-size // count)
    lengths = lengths or [min(each, size - each * place) for place in range(count)]
    if len(lengths) != count or min(lengths) < 0 or sum(lengths) != size:
        raise FormatError(f"it splits {size} into {lengths!r:.60}; expected {count} parts of all")
    x, start = node.tensor(0), 0
    for output, length in enumerate(lengths):
        if node.gives(output):
            node.result_at(output, "slice", [x], axis=axis, start=start, stop=start + length)
        start += length


def slice_of(node: Node) -> None:
    """Read Slice, one step an axis; bounds are clipped to sizes that are integers."""
    value, sizes = node.value(0), node.shape(0)
    operands = [node.known(place) for place in range(1, node.count) if node.has(place)]
    starts, stops = node.known(1), node.known(2)
    if None in operands or starts is None or stops is None:
        raise Undecided("its bounds depend on the input; expected sizes")
    count = starts.full().size
    axes = _axes(node.integers(3, "axes", 0) or list(range(count)), len(sizes))
    steps = node.integers(4, "steps", 0) or [1] * count
    bounds = list(zip(axes, starts.full().flat, stops.full().flat, steps, strict=True))
    if isinstance(value, Known) and len(sizes) == 1 and not isinstance(sizes[0], Size):
        limits = [bound for _, *bound in bounds]
        if not any(isinstance(number, Size) for bound in limits for number in bound):
            elements = value.full()
            for start, stop, step in limits:
                elements = elements[start:stop:step]
            node.give(known.known_cells(elements, value.dtype))
            return
    x = node.tensor(0)
    kept = [(axis, *_bounds(sizes[axis], start, stop, step)) for axis, start, stop, step in bounds]
    kept = [(axis, start, stop, step) for axis, start, stop, step in kept if (start, stop, step) != (0, None, 1)]
    if not kept:
        node.give(x)
    for place, (axis, first, last, step) in enumerate(kept):
        attributes: dict[str, Attribute] = {"axis": axis, "start": first, "stop": last, "step": step}
        is_last = place == len(kept) - 1
        x = (
            node.result("slice", [x], **attributes)
            if is_last
            else node.step(f"axis_{axis}", "slice", [x], **attributes)
        )


def _bounds(size: Dim, start: Dim, stop: Dim, step: int) -> tuple[int | str, int | str | None, int]:
    """Return bounds as the operator ``slice`` takes them: within the axis, and None for its end."""
    if step == 0:
        raise FormatError("its step is 0; expected another")
    if not isinstance(size, Size) and not isinstance(start, Size) and not isinstance(stop, Size):
        first, last, _ = slice(start, stop, step).indices(size)
        if step > 0:
            return first, None if last == size else last, step
        return max(first, 0) if size else 0, None if last < 0 else last, step
    if stop == size or (not isinstance(stop, Size) and stop >= 2**31 - 1 and step > 0):
        return symbol_of(start), None, step
    if not isinstance(stop, Size) and stop <= -(2**31) + 1 and step < 0:
        return symbol_of(start), None, step
    return symbol_of(start), symbol_of(stop), step


def _groups(sizes: Sequence[Dim], target: Sequence[Dim]) -> tuple[tuple[int, ...], ...]:
    """Return which neighbouring axes of ``sizes`` make each size of ``target``."""
    groups: list[tuple[int, ...]] = []
    axis = 0
    for size in target:
        group: list[int] = []
        while prod_of(sizes[member] for member in group) != size and axis < len(sizes):
            group.append(axis)
            axis += 1
        groups.append(tuple(group))
    if groups:
        groups[-1] += tuple(range(axis, len(sizes)))
    if [prod_of(sizes[member] for member in group) for group in groups] != list(target):
        raise Undecided(f"a shape is ({', '.join(map(str, target))}); expected sizes and symbols of the inputs")
    return tuple(groups)


def _sizes(node: Node, place: int) -> tuple[Dim, ...]:
    shape = node.known(place)
    if shape is None:
        raise Undecided("its shape depends on the input's values; expected sizes")
    if len(shape.shape) != 1:
        raise FormatError(f"its shape has rank {len(shape.shape)}; expected 1")
    sizes = tuple(shape.full())
    if any(not isinstance(size, Size) and not -1 <= size < 2**40 for size in sizes):
        raise FormatError(f"its shape is ({', '.join(map(str, sizes))}); expected sizes of 0 or more")
    return sizes


def _symbols(sizes: Sequence[Dim]) -> tuple[int | str, ...]:
    return tuple(symbol_of(size) for size in sizes)


def _axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    found = tuple(_axis(axis, rank) for axis in axes)
    if len(set(found)) < len(found):
        raise FormatError(f"its axes are {list(axes)!r:.60}; expected different ones")
    return found


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise FormatError(f"its axis is {axis}; expected {-rank} to {rank - 1}")
    return axis % rank
