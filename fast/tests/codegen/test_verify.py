"""Broken kernels: what ``verify`` refuses, rule by rule, and what the instructions do not take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from distilspec.fast.codegen.ir import F32, I64, PTR, Function, Instruction, IrError, Kind, Loop, Type, Value
from distilspec.fast.codegen.opcodes import RULES, result_type
from distilspec.fast.codegen.verify import verify

I1, I8, I16, I32 = (Type(kind) for kind in (Kind.I1, Kind.I8, Kind.I16, Kind.I32))
F32X4, I32X4, I1X4 = (Type(kind, 4) for kind in (Kind.F32, Kind.I32, Kind.I1))

#: The parameters of every kernel here, and a value that nobody makes.
N, X, P = Value(I64, "n"), Value(F32, "x"), Value(PTR, "p")
NOWHERE = Value(I64, "nowhere")

#: The attributes of a ``matrix_dot``.
STRIDES = {"row": 128, "step": 128, "w_move": 2048, "x_move": 2048, "fetch": False}


def kernel(*body, parameters=(N, X, P)):
    """Return a kernel."""
    return Function("broken", parameters, body)


def add(name, a=N, b=N, type_=I64):
    """Return an instruction that makes a value, and the value."""
    made = Value(type_, name)
    return Instruction("add", (a, b), made), made


def loop(**changes):
    """Return a loop that carries a sum, with something else than it should have."""
    index, carried, result = Value(I64, "i"), Value(I64, "carried"), Value(I64, "result")
    body, following = add("following", carried, index)
    whole = Loop(index, N, N, N, (carried,), (N,), (body,), (following,), (result,))
    return replace(whole, **{name: change(whole) if callable(change) else change for name, change in changes.items()})


def refused(function, what):
    """Check that a kernel is refused, in words that say what and where."""
    with pytest.raises(IrError, match=f"^broken: .*{what}"):
        verify(function)


def test_a_kernel_that_makes_sense_is_accepted():
    """The one that the others here are broken from: a loop, and instructions before, after and in it."""
    first, a = add("a")
    whole = loop(initial=(a,))
    last, _ = add("b", whole.results[0], a)
    verify(kernel(first, whole, last, Instruction("store", (X, P), None)))


@pytest.mark.parametrize(
    "broken",
    [
        kernel(add("a", NOWHERE)[0]),
        kernel(add("a", N, NOWHERE)[0]),
        kernel(add("a", N, Value(I64, "n"))[0]),
        kernel(*(add("b", add("a")[1])[0], add("a")[0])),
        kernel(loop(start=NOWHERE)),
        kernel(loop(stop=NOWHERE)),
        kernel(loop(step=NOWHERE)),
        kernel(loop(initial=(NOWHERE,))),
        kernel(loop(following=(NOWHERE,))),
        kernel(loop(body=(add("following", NOWHERE)[0],))),
    ],
)
def test_a_value_that_was_not_made_before_is_refused(broken):
    """By an instruction, even one of a known name; as a loop's bound, what it starts with or hands on; inside it."""
    refused(broken, "expected a value that was made before it")


@pytest.mark.parametrize(
    "outside", [lambda whole: whole.index, lambda whole: whole.carried[0], lambda whole: whole.following[0]]
)
def test_what_a_loop_makes_stays_in_it(outside):
    """Only its results go on: its body may not have run at all."""
    whole = loop()
    refused(kernel(whole, add("after", outside(whole))[0]), "expected a value that was made before it")


def test_a_loop_does_not_use_its_own_results():
    """They are there after its last turn."""
    refused(kernel(loop(following=lambda whole: whole.results)), "expected a value that was made before it")


@pytest.mark.parametrize(
    "broken",
    [
        kernel(parameters=(N, X, P, Value(F32, "n"))),
        kernel(add("n")[0]),
        kernel(add("a")[0], add("a")[0]),
        kernel(loop(index=Value(I64, "n"))),
        kernel(loop(carried=(Value(I64, "n"),), body=(), following=(N,))),
        kernel(loop(results=(Value(I64, "n"),))),
        kernel(loop(), add("following")[0]),
        kernel(loop(body=lambda whole: (*whole.body, add("i")[0]))),
    ],
    ids=["parameters", "instruction", "instructions", "index", "carried", "results", "after a loop", "in a loop"],
)
def test_two_values_of_one_name_are_refused(broken):
    """Wherever they are made: what is emitted knows values by their names."""
    refused(broken, "is made twice; expected one maker a name")


@pytest.mark.parametrize("bound", ["index", "start", "stop", "step"])
def test_a_bound_that_is_no_index_is_refused(bound):
    """Loops count in 64 bits."""
    wrong = Value(I32, "wrong")
    broken = loop(**{bound: wrong}, body=(), following=(N,))
    refused(kernel(broken, parameters=(N, X, P, *([wrong] if bound != "index" else []))), "bounds that are no i64")


@pytest.mark.parametrize(
    "changes",
    [{"initial": (X,)}, {"following": (X,)}, {"results": (Value(F32, "result"),)}, {"carried": (), "body": ()},
     {"initial": ()}, {"following": ()}, {"results": ()}],
)  # fmt: skip
def test_a_loop_hands_on_what_it_carries(changes):
    """As many values, of the same types, from before its first turn to after its last."""
    refused(kernel(loop(**changes)), "carries .* and hands on")


@pytest.mark.parametrize(
    "instruction",
    [
        Instruction("add", (N, N), Value(I32, "a")),
        Instruction("add", (N, N), None),
        Instruction("store", (X, P), Value(F32, "a")),
    ],
    ids=["of another type", "none", "of a store"],
)
def test_a_result_that_the_instruction_does_not_give_is_refused(instruction):
    """Also one that it gives and nobody takes."""
    refused(kernel(instruction), "should give")


def test_operands_of_a_wrong_type_are_refused():
    """By the rules that are tested below, also inside a loop."""
    broken = Instruction("add", (N, X), Value(I64, "a"))
    for body in (broken, loop(body=lambda whole: (*whole.body, broken))):
        with pytest.raises(IrError, match="operands of types i64, f32; expected one type"):
            verify(kernel(body))


#: What every instruction must refuse: types of operands, and attributes.
WRONG = [
    ("const", (), {"type": PTR}),
    ("const", (), {}),
    *((name, (I64, I32), {}) for name in ("add", "sub", "mul", "and", "or", "min", "max", "less", "equal", "div")),
    *((name, (I32, I32X4), {}) for name in ("add", "less", "and")),
    *((name, (PTR, PTR), {}) for name in ("add", "sub", "mul", "and", "or", "min", "max", "less", "equal", "div")),
    *((name, (F32, F32), {}) for name in ("and", "or", "shl", "shr")),
    *((name, (I1, I1), {}) for name in ("add", "sub", "mul", "less", "equal", "min", "max")),
    *((name, (I8, I8), {}) for name in ("min", "max", "less", "equal")),
    *((name, (I32,), {}) for name in ("sqrt", "round", "to_i32")),
    ("div", (I32, I32), {}),
    ("fma", (I32, I32, I32), {}),
    ("fma", (F32, F32, F32X4), {}),
    ("select", (I32X4, F32X4, F32X4), {}),
    ("select", (I1X4, F32X4, I32X4), {}),
    ("select", (I1, F32X4, F32X4), {}),
    ("select", (I1X4, F32X4), {}),
    ("to_f32", (I64,), {}),
    ("to_f32", (I32, I32), {}),
    ("index_to_i32", (I32,), {}),
    ("bits_as", (I64,), {"type": F32}),
    ("bits_as", (PTR,), {"type": I64}),
    ("bits_as", (I64,), {"type": PTR}),
    ("zero_extend", (I16,), {"kind": Kind.I16}),
    ("zero_extend", (I16,), {"kind": Kind.I8}),
    ("zero_extend", (I16,), {"kind": Kind.F32}),
    ("zero_extend", (F32,), {"kind": Kind.I64}),
    ("truncate", (I16,), {"kind": Kind.I16}),
    ("truncate", (I16,), {"kind": Kind.I32}),
    ("truncate", (F32,), {"kind": Kind.I8}),
    ("truncate", (I64,), {"kind": Kind.F32}),
    ("extend_index", (I64,), {"signed": True}),
    ("extend_index", (I32X4,), {"signed": True}),
    ("splat", (F32X4,), {"lanes": 4}),
    ("splat", (PTR,), {"lanes": 4}),
    ("splat", (F32,), {}),
    ("shuffle", (F32X4, I32X4), {"lanes": (0,)}),
    ("shuffle", (F32, F32), {"lanes": ()}),
    ("shuffle", (F32X4, F32X4), {"lanes": (8,)}),
    ("shuffle", (F32X4, F32X4), {"lanes": (-1,)}),
    ("extract", (F32X4,), {"lane": 4}),
    ("extract", (F32X4,), {"lane": -1}),
    ("extract", (F32,), {"lane": 0}),
    ("offset", (PTR, I32), {}),
    ("offset", (I64, I64), {}),
    ("load", (I64,), {"type": F32}),
    ("load", (PTR, I64), {"type": F32}),
    ("load", (PTR,), {"type": PTR}),
    ("load", (PTR,), {"type": I1X4}),
    ("load_first", (PTR,), {"type": F32X4}),
    ("load_first", (PTR, I32), {"type": F32X4}),
    ("load_first", (PTR, I64), {"type": F32}),
    ("load_first", (PTR, I64), {"type": I1X4}),
    ("store", (F32, I64), {}),
    ("store", (F32, PTR, I64), {}),
    ("store", (I1X4, PTR), {}),
    ("store_first", (F32X4, PTR), {}),
    ("store_first", (F32X4, PTR, I32), {}),
    ("store_first", (F32, PTR, I64), {}),
    ("store_first", (I1X4, PTR, I64), {}),
    ("prefetch", (I64,), {}),
    *(
        (name, (acc, *[factor] * count), {})
        for name, right, count in (("dot4", Type(Kind.I8, 16), 2), ("dot8", Type(Kind.I8, 16), 4),
                                   ("dot2", Type(Kind.I16, 8), 2))
        for acc, factor in ((F32X4, right), (I32, Type(right.kind)), (I32X4, Type(right.kind, 4)), (I32X4, I32X4))
    ),
    ("dot4", (I32X4, Type(Kind.I8, 16)), {}),
    ("dot4", (I32X4, Type(Kind.I8, 16), Type(Kind.I8, 8)), {}),
    ("dot8", (I32X4, *[Type(Kind.I8, 16)] * 2), {}),
    ("local", (), {}),
    ("local", (), {"bytes": 0}),
    ("local", (I64,), {"bytes": 64}),
    ("matrix_open", (PTR,), {}),
    ("matrix_close", (PTR,), {}),
    ("matrix_dot", (PTR, PTR, I64), STRIDES),
    ("matrix_dot", (PTR, PTR, I64, PTR), STRIDES),
    ("matrix_dot", (PTR, PTR, PTR, I64), {key: value for key, value in STRIDES.items() if key != "row"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("opcode", "types", "attributes"), WRONG, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_instruction_refuses_what_it_cannot_take(opcode, types, attributes):
    """By its name."""
    with pytest.raises(IrError, match=f"^{opcode}[:(]"):
        result_type(opcode, types, attributes)


def test_every_instruction_refuses_something():
    """And one that does not exist is refused by its name."""
    assert {opcode for opcode, *_ in WRONG} == set(RULES)
    with pytest.raises(IrError, match="opcode dot3 does not exist; expected one of const, add"):
        result_type("dot3", (), {})


OPEN, CLOSE = (Instruction(opcode, (), None) for opcode in ("matrix_open", "matrix_close"))
DOT = Instruction("matrix_dot", (P, P, P, N), None, STRIDES)


def turns(*body):
    """Return a loop that does nothing but ``body``."""
    return loop(carried=(), initial=(), following=(), results=(), body=body)


def test_matrix_products_between_their_ends_are_accepted():
    """In a loop or not."""
    verify(kernel(OPEN, DOT, turns(DOT), CLOSE))


@pytest.mark.parametrize(
    "body",
    [
        (DOT,), (OPEN, DOT), (DOT, CLOSE), (CLOSE, DOT, OPEN), (DOT, OPEN, CLOSE), (OPEN, CLOSE, DOT),
        (OPEN, OPEN, DOT, CLOSE), (OPEN, DOT, CLOSE, OPEN, DOT, CLOSE), (turns(OPEN), DOT, CLOSE),
        (OPEN, turns(DOT, CLOSE)), (OPEN, turns(CLOSE), DOT, CLOSE), (turns(OPEN, DOT, CLOSE),), (OPEN,),
    ],
)  # fmt: skip
def test_matrix_products_elsewhere_are_refused(body):
    """The processor would end the process."""
    refused(kernel(*body), "expected matrix_open and matrix_close around all, in no loop")


def local(name):
    """Return an instruction that makes memory of the kernel's own."""
    return Instruction("local", (), Value(PTR, name), {"bytes": 64})


def test_memory_of_its_own_a_kernel_takes_once():
    """In a loop it would take more in every turn."""
    verify(kernel(local("a"), local("b"), turns()))
    for body in ((turns(local("a")),), (turns(), local("a")), (local("a"), turns(), local("b"))):
        refused(kernel(*body), "a local in or behind a loop; expected all before the first one")
