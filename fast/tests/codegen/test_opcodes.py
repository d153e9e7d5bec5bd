"""Every instruction: its meaning by exact arithmetic, the interpreter, and machine code for each target at hand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from one_instruction import both, vector

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.codegen.emit import EMITTERS
from distilspec.fast.codegen.interpret import DTYPES, MEANINGS, interpret
from distilspec.fast.codegen.ir import I64, PTR, Instruction, IrError, Kind, Type
from distilspec.fast.codegen.opcodes import DEPTH, MATRIX, RULES
from distilspec.fast.isa import executable_targets
from distilspec.fast.kernels.pairs import limited

LANES = 8

targets = pytest.mark.parametrize("target", executable_targets(), ids=lambda target: target.name)

FLOATS = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, -0.0, 0.5, 1.5, -2.5, 2.0**23 + 1, -(2.0**31), 1e-45, 3.4028234663852886e38]),
)


def floats(lanes=LANES):
    """Return arrays of float32 with every special value."""
    return hnp.arrays(np.float32, lanes, elements=FLOATS)


def integers(kind, lanes=LANES):
    """Return arrays of the whole range of an integer kind, its ends often."""
    info = np.iinfo(DTYPES[kind])
    ends = st.sampled_from([info.min, info.min + 1, -1, 0, 1, info.max])
    return hnp.arrays(DTYPES[kind], lanes, elements=st.one_of(st.integers(int(info.min), int(info.max)), ends))


def same(found, expected):
    """Check two results bit for bit, and both against the expected values; any NaN is NaN."""
    expected = np.asarray(expected)
    for made in found:
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made, expected)
        if made.dtype.kind == "f":
            numbers = ~np.isnan(made)
            np.testing.assert_array_equal(np.signbit(made[numbers]), np.signbit(expected[numbers]))


def test_every_opcode_has_a_meaning_and_an_emitter():
    """Constants are written where they are used."""
    assert set(MEANINGS) == set(RULES)
    assert set(EMITTERS) == set(RULES) - {"const"}


def rounded(value):
    """Return a Fraction rounded to float32, to nearest with ties to even, overflow to infinity."""
    if value == 0:
        return 0.0
    sign, size = (-1, -value) if value < 0 else (1, value)
    exponent = max(size.numerator.bit_length() - size.denominator.bit_length() - 1, -126)
    if size >= Fraction(2) ** (exponent + 1):
        exponent += 1
    unit = Fraction(2) ** (exponent - 23)
    count = size / unit
    whole = count.numerator // count.denominator
    rest = count - whole
    whole += rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)
    result = whole * unit
    return sign * (float("inf") if result >= Fraction(2) ** 128 else float(result))


@targets
@given(a=floats(), b=floats(), c=floats())
def test_fma_rounds_once(target, a, b, c):
    """Against exact fractions where all three are finite; the sign of an exact zero is that of IEEE addition."""
    found = both("fma", [vector(Kind.F32, LANES)] * 3, (a, b, c), target)

    for interpreted, machine, x, y, z in zip(*found, a, b, c, strict=True):
        assert interpreted == machine or (np.isnan(interpreted) and np.isnan(machine))
        if np.all(np.isfinite([x, y, z])):
            assert machine == rounded(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)))


def test_fma_rounds_once_where_two_roundings_differ():
    """(1 + 2^-12)^2 + 2^-60: the product ends exactly between two floats, and the addend decides."""
    a = np.full(LANES, 1 + 2.0**-12, np.float32)
    for addend, expected in ((2.0**-60, 1 + 2.0**-11 + 2.0**-23), (-(2.0**-60), 1 + 2.0**-11)):
        c = np.full(LANES, addend, np.float32)
        for target in executable_targets():
            same(both("fma", [vector(Kind.F32, LANES)] * 3, (a, a, c), target), np.full(LANES, expected, np.float32))


@targets
@pytest.mark.parametrize("opcode", ["add", "sub", "mul", "div"])
@given(data=st.data())
def test_float_arithmetic_is_ieee(target, opcode, data):
    """NumPy's float32 is IEEE 754 as well."""
    a, b = data.draw(floats()), data.draw(floats())
    with np.errstate(all="ignore"):
        expected = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide}[opcode](a, b)

    same(both(opcode, [vector(Kind.F32, LANES)] * 2, (a, b), target), expected)


@targets
@pytest.mark.parametrize("kind", [Kind.I8, Kind.I16, Kind.I32])
@pytest.mark.parametrize("opcode", ["add", "sub", "mul", "and", "or"])
@given(data=st.data())
def test_integer_arithmetic_wraps(target, opcode, kind, data):
    """Against Python's unbounded integers, reduced to the width."""
    a, b = data.draw(integers(kind)), data.draw(integers(kind))
    operate = {
        "add": int.__add__, "sub": int.__sub__, "mul": int.__mul__, "and": int.__and__, "or": int.__or__,
    }[opcode]  # fmt: skip
    bits = 8 * DTYPES[kind].itemsize
    wide = [operate(int(x), int(y)) for x, y in zip(a, b, strict=True)]
    expected = [(value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) for value in wide]

    same(both(opcode, [vector(kind, LANES)] * 2, (a, b), target), np.array(expected, DTYPES[kind]))


@targets
@pytest.mark.parametrize("bits", [1, 7, 8, 16, 31])
@given(x=integers(Kind.I32))
def test_shifts_bring_in_zeros(target, bits, x):
    """Also from the left of a negative number."""
    unsigned = [int(value) % 2**32 for value in x]
    left = np.array([value << bits for value in unsigned]).astype(np.uint64).astype(np.uint32).view(np.int32)
    right = np.array([value >> bits for value in unsigned], np.uint32).view(np.int32)

    same(both("shl", [vector(Kind.I32, LANES)], (x,), target, bits=bits), left)
    same(both("shr", [vector(Kind.I32, LANES)], (x,), target, bits=bits), right)


@targets
@given(a=floats(), b=floats())
def test_min_and_max_give_the_second_operand_where_either_is_nan(target, a, b):
    """And where both are equal, so that the sign of a zero is the second's."""
    lower = [x if x < y else y for x, y in zip(a, b, strict=True)]
    upper = [x if x > y else y for x, y in zip(a, b, strict=True)]

    same(both("min", [vector(Kind.F32, LANES)] * 2, (a, b), target), np.array(lower, np.float32))
    same(both("max", [vector(Kind.F32, LANES)] * 2, (a, b), target), np.array(upper, np.float32))


@targets
@given(a=floats(), b=floats(), c=floats())
def test_comparisons_and_select(target, a, b, c):
    """NaN is neither less nor equal."""
    floats_ = vector(Kind.F32, LANES)
    less = np.array([x < y for x, y in zip(a, b, strict=True)], np.int32)
    equal = np.array([x == y for x, y in zip(a, b, strict=True)], np.int32)

    same(both("less", [floats_] * 2, (a, b), target), less)
    same(both("equal", [floats_] * 2, (a, b), target), equal)
    chosen = np.array([y if m else z for m, y, z in zip(less, b, c, strict=True)], np.float32)
    same(both("select", [vector(Kind.I1, LANES), floats_, floats_], (less, b, c), target), chosen)


@targets
@given(x=hnp.arrays(np.float32, LANES, elements=st.floats(-(2.0**31), 2.0**31 - 128, width=32)))
def test_rounding_to_integers_takes_ties_to_even(target, x):
    """Python's round does the same."""
    expected = np.array([round(Fraction(float(value))) for value in x], np.int64)

    rounded_ = both("round", [vector(Kind.F32, LANES)], (x,), target)
    for found in rounded_:
        np.testing.assert_array_equal(found.astype(np.int64), expected)
    same(both("to_i32", [vector(Kind.F32, LANES)], (rounded_[0],), target), expected.astype(np.int32))


@targets
@given(x=integers(Kind.I32))
def test_integers_to_floats_round_to_nearest(target, x):
    """Exactly between two floats, to even."""
    expected = np.array([rounded(Fraction(int(value))) for value in x], np.float32)

    same(both("to_f32", [vector(Kind.I32, LANES)], (x,), target), expected)


@targets
@given(x=hnp.arrays(np.float32, LANES, elements=st.floats(0, width=32)))
def test_square_roots_are_correctly_rounded(target, x):
    """IEEE 754 says so, and NumPy's are."""
    same(both("sqrt", [vector(Kind.F32, LANES)], (x,), target), np.sqrt(x))


@targets
@given(narrow=integers(Kind.I8), wide=integers(Kind.I32))
def test_widths(target, narrow, wide):
    """Wider without sign, and back by the low bits."""
    unsigned = np.array([int(value) % 256 for value in narrow], np.int32)

    same(both("zero_extend", [vector(Kind.I8, LANES)], (narrow,), target, kind=Kind.I32), unsigned)
    low = np.array([(int(value) + 128) % 256 - 128 for value in wide], np.int8)
    same(both("truncate", [vector(Kind.I32, LANES)], (wide,), target, kind=Kind.I8), low)


@targets
@given(a=integers(Kind.I16), b=integers(Kind.I16), order=st.lists(st.integers(0, 15), min_size=8, max_size=8))
def test_shuffle(target, a, b, order):
    """Any lane from either vector."""
    expected = np.array([(*a, *b)[lane] for lane in order], np.int16)

    same(both("shuffle", [vector(Kind.I16, LANES)] * 2, (a, b), target, lanes=tuple(order)), expected)


@targets
@given(data=st.data())
def test_dot_products_are_exact(target, data):
    """Full range on both sides, as far as the target goes: 255 * -128 twice does not fit 16 bits."""
    lanes = target.lanes
    kind = {2: Kind.I16, 4: Kind.I8}[target.dot]
    acc = data.draw(integers(Kind.I32, lanes))
    a, b = data.draw(integers(kind, target.dot * lanes)), data.draw(integers(kind, target.dot * lanes))
    if target.dot == 2:
        a = (a.astype(np.int64) % 256).astype(np.int16)
        b = b.astype(np.int8).astype(np.int16)
    if target.pair_limit is not None:
        b = limited(b.reshape(-1, 2), target.pair_limit)[0].reshape(b.shape)
    first = a.view(np.uint8) if target.dot == 4 else a
    sums = [
        int(acc[lane]) + sum(int(first[i]) * int(b[i]) for i in range(target.dot * lane, target.dot * (lane + 1)))
        for lane in range(lanes)
    ]
    expected = np.array([(value + 2**31) % 2**32 - 2**31 for value in sums], np.int32)

    types = [vector(Kind.I32, lanes), *[vector(kind, target.dot * lanes)] * 2]
    same(both(f"dot{target.dot}", types, (acc, a, b), target), expected)


@pytest.mark.parametrize("target", [target for target in executable_targets() if target.pair_limit is not None])
@given(data=st.data())
def test_sums_of_fours_are_exact(target, data):
    """Any codes, and any weights within the limit, often up to it: 255 * 128 fits 16 bits with either sign."""
    lanes = target.lanes
    acc = data.draw(integers(Kind.I32, lanes))
    a, b, c, d = (data.draw(integers(Kind.I8, 4 * lanes)) for _ in range(4))
    fours = limited(np.concatenate([b.reshape(-1, 2), d.reshape(-1, 2)], axis=1), target.pair_limit)[0]
    b, d = (np.ascontiguousarray(fours[:, half]).reshape(-1) for half in (slice(0, 2), slice(2, 4)))
    sums = acc.astype(object)
    for codes, weights in ((a.view(np.uint8), b), (c.view(np.uint8), d)):
        sums += (codes.astype(object) * weights.astype(object)).reshape(lanes, 4).sum(axis=1)
    expected = np.array([(value + 2**31) % 2**32 - 2**31 for value in sums], np.int32)

    types = [vector(Kind.I32, lanes), *[vector(Kind.I8, 4 * lanes)] * 4]
    same(both("dot8", types, (acc, a, b, c, d), target), expected)


@pytest.mark.parametrize("weights", [(64, 0, 64, 1), (-128, 0, 0, -1), (0, 127, 2, -128)])
def test_fours_beyond_16_bits_are_refused(weights):
    """The interpreter finds weights that were packed wrong, whatever the codes."""
    b, d = np.zeros((2, 4 * LANES), np.int8)
    b[6:8], d[6:8] = weights[:2], weights[2:]
    codes, acc = np.zeros(4 * LANES, np.int8), np.zeros(LANES, np.int32)

    with pytest.raises(IrError, match="add up to 129 in a four; expected 128 at most"):
        MEANINGS["dot8"](Instruction("dot8", (), None), acc, codes, b, codes, d)


@targets
@pytest.mark.parametrize("value", [-128, 0, 127])
def test_scalars(target, value):
    """A byte as an index with and without sign, in every lane, and one lane of a vector."""
    byte = np.array([value], np.int8)

    same(both("extend_index", [Type(Kind.I8)], (byte,), target, signed=True), np.array([value], np.int64))
    same(both("extend_index", [Type(Kind.I8)], (byte,), target, signed=False), np.array([value % 256], np.int64))
    same(both("splat", [Type(Kind.I8)], (byte,), target, lanes=LANES), np.full(LANES, value, np.int8))
    lanes = np.arange(LANES, dtype=np.int32)
    same(both("extract", [vector(Kind.I32, LANES)], (lanes,), target, lane=5), np.array([5], np.int32))


@pytest.mark.parametrize("target", [target for target in executable_targets() if target.matrix])
@settings(max_examples=20)
@given(data=st.data())
def test_squares_of_sums_are_exact(target, data):
    """Any codes and weights, any number of blocks, places apart from each other; nothing else is written."""
    blocks, gap, fetch = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 70)), data.draw(st.booleans())
    row, step = (4 * MATRIX + gap,) * 2
    w_move, x_move = MATRIX * DEPTH + gap, DEPTH // 4 * step + gap
    builder = Builder("square", out=PTR, w=PTR, x=PTR, blocks=I64)
    strides = {"row": row, "step": step, "w_move": w_move, "x_move": x_move, "fetch": fetch}
    builder.matrix_open()
    builder.matrix_dot(*builder.parameters.values(), **strides)
    builder.matrix_close()
    function = builder.finish()
    seed = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    w = seed.integers(-128, 128, 3 * w_move).astype(np.int8)
    x = seed.integers(0, 256, 3 * x_move).astype(np.uint8)
    if data.draw(st.booleans()):
        w[:], x[:] = -128, 255
    expected = np.full(MATRIX * row, 7, np.uint8)
    for r in range(MATRIX):
        sums = [
            sum(
                int(w[i * w_move + r * DEPTH + 4 * s + j]) * int(x[i * x_move + s * step + 4 * t + j])
                for i in range(blocks) for s in range(DEPTH // 4) for j in range(4)
            )
            for t in range(MATRIX)
        ]  # fmt: skip
        expected[r * row : r * row + 4 * MATRIX] = np.array(sums, np.int32).view(np.uint8)

    for run in (
        lambda out: interpret(function, out, w, x, blocks),
        lambda out: Compiled([function], target).callable("square")(
            out.ctypes.data, w.ctypes.data, x.ctypes.data, blocks
        ),
    ):
        out = np.full(MATRIX * row, 7, np.uint8)
        run(out)
        np.testing.assert_array_equal(out, expected)


def test_what_a_kernel_has_not_written_is_no_zero():
    """Neither in the interpreter nor in memory that was used before."""
    builder = Builder("own", out=PTR)
    own = builder.local(bytes=64)
    builder.store(builder.load(own, type=vector(Kind.I32, LANES)), builder.parameters["out"])
    out = np.zeros(LANES, np.int32)
    interpret(builder.finish(), out)
    assert (out == 0x55555555).all()
