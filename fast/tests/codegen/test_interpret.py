"""What the interpreter refuses that machine code would let pass: it is how tests see a kernel that goes astray."""

from __future__ import annotations

import numpy as np
import pytest

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.interpret import Pointer, interpret
from distilspec.fast.codegen.ir import I64, PTR, IrError, Kind, Type

FLOATS = Type(Kind.F32, 4)

#: The elements of the buffer, and its bytes.
HELD, BYTES = 6, 24


def access(opcode):
    """Return a kernel that reads or writes four lanes, or the first ``count``, from the byte ``offset`` on."""
    builder = Builder("access", x=PTR, offset=I64, count=I64)
    given = builder.parameters
    place = builder.at(given["x"], given["offset"])
    first = [given["count"]] if opcode.endswith("first") else []
    if opcode.startswith("load"):
        builder.write(opcode, place, *first, type=FLOATS)
    else:
        builder.write(opcode, builder.zeros(FLOATS), place, *first)
    return builder.finish()


@pytest.mark.parametrize("opcode", ["load", "store", "load_first", "store_first"])
def test_what_is_inside_a_buffer_is_accessed(opcode):
    """From its first byte to its last, and nothing else changes."""
    for offset in (0, 5, BYTES - 16):
        x = np.full(BYTES, 0xFF, np.uint8)
        interpret(access(opcode), x.view(np.float32), offset, 4)
        assert np.flatnonzero(x == 0).tolist() == (list(range(offset, offset + 16)) if "store" in opcode else [])


@pytest.mark.parametrize("opcode", ["load", "store", "load_first", "store_first"])
@pytest.mark.parametrize("offset", [-1, BYTES - 15, BYTES, BYTES + 1, -16, -BYTES])
def test_what_is_outside_a_buffer_is_refused(opcode, offset):
    """By a byte is enough, before it and behind it; and nothing is written."""
    x = np.ones(HELD, np.float32)
    with pytest.raises(IrError, match=f"access to bytes {offset} to {offset + 16} of a buffer of {BYTES}"):
        interpret(access(opcode), x, offset, 4)
    assert (x == 1).all()


@pytest.mark.parametrize("opcode", ["load_first", "store_first"])
def test_only_the_first_lanes_must_be_inside(opcode):
    """One more is refused; none at all may be anywhere."""
    x = np.ones(HELD, np.float32)
    interpret(access(opcode), x, BYTES - 4, 1)
    with pytest.raises(IrError, match="access to bytes 20 to 28"):
        interpret(access(opcode), x, BYTES - 4, 2)
    for count in (0, -3):
        interpret(access(opcode), x, BYTES + 100, count)


@pytest.mark.parametrize("x", [np.ones((4, 4), np.float32)[:, 1:], np.ones(8, np.float32)[::2], 3, [1.0]])
def test_only_contiguous_arrays_are_buffers(x):
    """A copy would hide what the kernel writes."""
    with pytest.raises(IrError, match="access: argument %x is no contiguous array"):
        interpret(access("load"), x, 0, 4)


def test_every_parameter_is_given():
    """No more, no less."""
    for arguments in ([np.ones(HELD, np.float32), 0], [np.ones(HELD, np.float32), 0, 4, 4]):
        with pytest.raises(ValueError, match="zip"):
            interpret(access("load"), *arguments)


@pytest.mark.parametrize("wrong", [0.5, np.nan, np.inf, -np.inf, 2.0**31, -(2.0**31) - 256])
def test_a_float_that_is_no_int32_is_not_converted(wrong):
    """Processors make different things of it. One lane is enough."""
    builder = Builder("convert", x=PTR)
    builder.to_i32(builder.load(builder.parameters["x"], type=FLOATS))
    x = np.array([0, -(2.0**31), 2.0**31 - 128, -1], np.float32)
    interpret(builder.finish(), x)
    x[2] = wrong
    with pytest.raises(IrError, match=r"to_i32.*expected integers that int32 holds"):
        interpret(builder.finish(), x)


@pytest.mark.parametrize("step", [0, -1])
def test_a_loop_that_does_not_move_forward_is_refused(step):
    """Even one that would not run at all: machine code would go on for ever where it does."""
    builder = Builder("turns", start=I64, stop=I64, step=I64)
    with builder.loop(*builder.parameters.values()):
        pass
    for stop in (5, 0):
        interpret(builder.finish(), 0, stop, 1)
        with pytest.raises(IrError, match=f"a loop moves by {step}; expected a positive step"):
            interpret(builder.finish(), 0, stop, step)


def test_a_pointer_knows_its_buffer():
    """Two buffers beside each other in memory are still two."""
    both = np.arange(2 * BYTES, dtype=np.uint8)
    pointer = Pointer(both[:BYTES], BYTES - 4)
    assert pointer.part(4).tolist() == [20, 21, 22, 23]
    with pytest.raises(IrError, match="access to bytes 20 to 25 of a buffer of 24"):
        pointer.part(5)
