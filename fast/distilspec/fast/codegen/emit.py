"""LLVM IR, as text, from a kernel and a target."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from distilspec.fast.codegen.ir import Body, Function, Instruction, IrError, Kind, Loop, Type, Value
from distilspec.fast.isa.target import Target

_NAMES = {
    Kind.I1: "i1", Kind.I8: "i8", Kind.I16: "i16", Kind.I32: "i32", Kind.I64: "i64", Kind.F32: "float",
    Kind.PTR: "ptr",
}  # fmt: skip


def emit(functions: Sequence[Function], target: Target) -> str:
    """
    Return a module that holds ``functions`` for ``target``.

    The functions are those that ``verify`` accepts. Pointers may be anywhere; what is written through one parameter
    must not be read or written through another.

    A function whose parameters end in ``first`` and ``last`` has an entry beside it, which takes a pointer to slots of
    8 bytes, ``first``, ``last`` and ``worker``, reads every other parameter from a slot, in order, and calls it.
    """
    bodies = [_Emitter(target) for _ in functions]
    texts = [emitter.function(function) for emitter, function in zip(bodies, functions, strict=True)]
    texts += [_entry(function) for function in functions if _given(function)]
    declared = sorted({*target.declarations(), *(line for emitter in bodies for line in emitter.declared)})
    head = [f'target triple = "{target.triple}"', *declared]
    return "\n".join([*head, *texts]) + "\n"


def entry_name(kernel: str) -> str:
    """Return the name of a kernel's entry."""
    return f"{kernel}.entry"


#: What an entry is called with besides its slots.
GIVEN = ("first", "last", "worker")

#: Bytes of a slot.
SLOT = 8


def slotted(function: Function) -> tuple[Value, ...]:
    """Return the parameters that a kernel's entry reads from slots, in their order."""
    return tuple(value for value in function.parameters if value.name not in GIVEN)


def _given(function: Function) -> bool:
    return {"first", "last"} <= {value.name for value in function.parameters}


def _entry(function: Function) -> str:
    lines = []
    for place, value in enumerate(slotted(function)):
        lines.append(f"  %slot.{place} = getelementptr i8, ptr %slots, i64 {place * SLOT}")
        lines.append(f"  %{value.name} = load {llvm_type(value.type)}, ptr %slot.{place}")
    operands = ", ".join(f"{llvm_type(value.type)} %{value.name}" for value in function.parameters)
    given = ", ".join(f"i64 %{name}" for name in GIVEN)
    head = f"define void @{entry_name(function.name)}(ptr %slots, {given}) nounwind {{"
    return "\n".join([head, *lines, f"  call void @{function.name}({operands})", "  ret void", "}"])


def llvm_type(type_: Type) -> str:
    """Return LLVM's name of a type."""
    name = _NAMES[type_.kind]
    return f"<{type_.lanes} x {name}>" if type_.lanes else name


class _Emitter:
    """Emits one function; ``declared`` collects the LLVM intrinsics that it uses."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.declared: set[str] = set()
        self._lines: list[str] = []
        self._texts: dict[Value, str] = {}
        self._block = "entry"
        self._blocks = 0
        self._masks = 0

    def new_mask(self) -> str:
        """Return a stem for the names of a mask's instructions."""
        self._masks += 1
        return f"first.{self._masks}"

    def function(self, function: Function) -> str:
        parameters = []
        for value in function.parameters:
            noalias = " noalias" if value.type.kind is Kind.PTR else ""
            parameters.append(f"{llvm_type(value.type)}{noalias} %{value.name}")
            self._texts[value] = f"%{value.name}"
        self._body(function.body)
        features = f'"target-features"="{self.target.feature_string}"' if self.target.features else ""
        return "\n".join(
            [
                f"define void @{function.name}({', '.join(parameters)}) nounwind {features} {{",
                "entry:",
                *self._lines,
                "  ret void",
                "}",
            ]
        )

    def _body(self, body: Body) -> None:
        for item in body:
            if isinstance(item, Loop):
                self._loop(item)
            elif item.opcode == "const":
                assert item.result is not None
                self._texts[item.result] = _literal(item.attributes["value"], item.result.type)
            else:
                if item.result is not None:
                    self._texts[item.result] = f"%{item.result.name}"
                for line in EMITTERS[item.opcode](self, item):
                    self._lines.append(f"  {line}")

    def _loop(self, loop: Loop) -> None:
        self._blocks += 1
        head, body, end = (f"{part}.{self._blocks}" for part in ("head", "body", "end"))
        before = self._block
        for value in (loop.index, *loop.carried):
            self._texts[value] = f"%{value.name}"
        self._lines += [f"  br label %{head}", f"{head}:"]
        phis = len(self._lines)
        self._lines.append(f"  %{head}.more = icmp slt i64 %{loop.index.name}, {self.text(loop.stop)}")
        self._lines += [f"  br i1 %{head}.more, label %{body}, label %{end}", f"{body}:"]
        self._block = body
        self._body(loop.body)
        self._lines.append(f"  %{head}.next = add i64 %{loop.index.name}, {self.text(loop.step)}")
        self._lines += [f"  br label %{head}", f"{end}:"]
        merged = [(loop.index, self.text(loop.start), f"%{head}.next")]
        merged += [
            (value, self.text(first), self.text(following))
            for value, first, following in zip(loop.carried, loop.initial, loop.following, strict=True)
        ]
        self._lines[phis:phis] = [
            f"  %{value.name} = phi {llvm_type(value.type)} [{first}, %{before}], [{following}, %{self._block}]"
            for value, first, following in merged
        ]
        self._texts.update((result, f"%{value.name}") for result, value in zip(loop.results, loop.carried, strict=True))
        self._block = end

    def text(self, value: Value) -> str:
        return self._texts[value]

    def typed(self, value: Value) -> str:
        return f"{llvm_type(value.type)} {self.text(value)}"

    def call(self, item: Instruction, intrinsic: str, *operands: Value) -> str:
        """Return a call of an intrinsic whose name ends in the type of its first operand."""
        made = _made(item)
        shape = f"v{made.type.lanes}" if made.type.lanes else ""
        name = f"@llvm.{intrinsic}.{shape}f32"
        types = ", ".join(llvm_type(operand.type) for operand in operands)
        self.declared.add(f"declare {llvm_type(made.type)} {name}({types})")
        return f"%{made.name} = call {llvm_type(made.type)} {name}({', '.join(map(self.typed, operands))})"


def _made(item: Instruction) -> Value:
    if item.result is None:
        raise IrError(f"{item} gives nothing")
    return item.result


def _literal(value: float, type_: Type) -> str:
    if type_.kind is Kind.F32:
        (rounded,) = struct.unpack("<f", struct.pack("<f", value))
        scalar = f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"
    elif type_.kind is Kind.I1:
        scalar = "true" if value else "false"
    else:
        scalar = str(int(value))
    return f"splat ({_NAMES[type_.kind]} {scalar})" if type_.lanes else scalar


def _binary(integer: str, real: str = "") -> Callable[[_Emitter, Instruction], list[str]]:
    def lines(emitter: _Emitter, item: Instruction) -> list[str]:
        made = _made(item)
        a, b = item.operands
        opcode = real if a.type.kind is Kind.F32 else integer
        return [f"%{made.name} = {opcode} {emitter.typed(a)}, {emitter.text(b)}"]

    return lines


def _shift(opcode: str) -> Callable[[_Emitter, Instruction], list[str]]:
    def lines(emitter: _Emitter, item: Instruction) -> list[str]:
        (x,) = item.operands
        return [f"%{_made(item).name} = {opcode} {emitter.typed(x)}, {_literal(item.attributes['bits'], x.type)}"]

    return lines


def _intrinsic(name: str) -> Callable[[_Emitter, Instruction], list[str]]:
    return lambda emitter, item: [emitter.call(item, name, *item.operands)]


def _extreme(integer: str, real: str) -> Callable[[_Emitter, Instruction], list[str]]:
    def lines(emitter: _Emitter, item: Instruction) -> list[str]:
        made = _made(item)
        a, b = item.operands
        compare = f"fcmp {real}" if a.type.kind is Kind.F32 else f"icmp {integer}"
        mask = llvm_type(a.type.of(Kind.I1))
        return [
            f"%{made.name}.first = {compare} {emitter.typed(a)}, {emitter.text(b)}",
            f"%{made.name} = select {mask} %{made.name}.first, {emitter.typed(a)}, {emitter.typed(b)}",
        ]

    return lines


def _compare(integer: str, real: str) -> Callable[[_Emitter, Instruction], list[str]]:
    return _binary(f"icmp {integer}", f"fcmp {real}")


def _select(emitter: _Emitter, item: Instruction) -> list[str]:
    return [f"%{_made(item).name} = select {', '.join(map(emitter.typed, item.operands))}"]


def _convert(opcode: str) -> Callable[[_Emitter, Instruction], list[str]]:
    def lines(emitter: _Emitter, item: Instruction) -> list[str]:
        made = _made(item)
        (x,) = item.operands
        return [f"%{made.name} = {opcode} {emitter.typed(x)} to {llvm_type(made.type)}"]

    return lines


def _extend_index(emitter: _Emitter, item: Instruction) -> list[str]:
    return _convert("sext" if item.attributes["signed"] else "zext")(emitter, item)


def _splat(emitter: _Emitter, item: Instruction) -> list[str]:
    made = _made(item)
    (x,) = item.operands
    one = Type(x.type.kind, made.type.lanes)
    return [
        f"%{made.name}.one = insertelement {llvm_type(one)} poison, {emitter.typed(x)}, i64 0",
        f"%{made.name} = shufflevector {llvm_type(one)} %{made.name}.one, {llvm_type(one)} poison, "
        f"<{made.type.lanes} x i32> zeroinitializer",
    ]


def _shuffle(emitter: _Emitter, item: Instruction) -> list[str]:
    a, b = item.operands
    lanes = item.attributes["lanes"]
    mask = f"<{len(lanes)} x i32> <{', '.join(f'i32 {lane}' for lane in lanes)}>"
    return [f"%{_made(item).name} = shufflevector {emitter.typed(a)}, {emitter.typed(b)}, {mask}"]


def _extract(emitter: _Emitter, item: Instruction) -> list[str]:
    return [f"%{_made(item).name} = extractelement {emitter.typed(item.operands[0])}, i64 {item.attributes['lane']}"]


def _offset(emitter: _Emitter, item: Instruction) -> list[str]:
    pointer, size = item.operands
    return [f"%{_made(item).name} = getelementptr i8, {emitter.typed(pointer)}, {emitter.typed(size)}"]


def _load(emitter: _Emitter, item: Instruction) -> list[str]:
    made = _made(item)
    return [f"%{made.name} = load {llvm_type(made.type)}, {emitter.typed(item.operands[0])}, align 1"]


def _store(emitter: _Emitter, item: Instruction) -> list[str]:
    x, pointer = item.operands
    return [f"store {emitter.typed(x)}, {emitter.typed(pointer)}, align 1"]


def _first(emitter: _Emitter, count: Value, vector: Type) -> tuple[list[str], str]:
    """Return instructions for a mask of the first ``count`` lanes, and the mask."""
    stem = emitter.new_mask()
    wide = f"<{vector.lanes} x i64>"
    lanes = ", ".join(f"i64 {lane}" for lane in range(vector.lanes))
    lines = [
        f"%{stem}.count = insertelement {wide} poison, {emitter.typed(count)}, i64 0",
        f"%{stem}.counts = shufflevector {wide} %{stem}.count, {wide} poison, <{vector.lanes} x i32> zeroinitializer",
        f"%{stem}.mask = icmp slt {wide} <{lanes}>, %{stem}.counts",
    ]
    return lines, f"{llvm_type(vector.of(Kind.I1))} %{stem}.mask"


def _overloaded(vector: Type) -> str:
    return f"v{vector.lanes}{vector.kind}"


def _load_first(emitter: _Emitter, item: Instruction) -> list[str]:
    made = _made(item)
    pointer, count = item.operands
    lines, mask = _first(emitter, count, made.type)
    vector = llvm_type(made.type)
    name = f"@llvm.masked.load.{_overloaded(made.type)}.p0"
    emitter.declared.add(f"declare {vector} {name}(ptr, i32 immarg, {llvm_type(made.type.of(Kind.I1))}, {vector})")
    call = f"call {vector} {name}({emitter.typed(pointer)}, i32 1, {mask}, {vector} zeroinitializer)"
    return [*lines, f"%{made.name} = {call}"]


def _store_first(emitter: _Emitter, item: Instruction) -> list[str]:
    x, pointer, count = item.operands
    lines, mask = _first(emitter, count, x.type)
    name = f"@llvm.masked.store.{_overloaded(x.type)}.p0"
    masks = llvm_type(x.type.of(Kind.I1))
    emitter.declared.add(f"declare void {name}({llvm_type(x.type)}, ptr, i32 immarg, {masks})")
    return [*lines, f"call void {name}({emitter.typed(x)}, {emitter.typed(pointer)}, i32 1, {mask})"]


def _prefetch(emitter: _Emitter, item: Instruction) -> list[str]:
    emitter.declared.add("declare void @llvm.prefetch.p0(ptr, i32 immarg, i32 immarg, i32 immarg)")
    return [f"call void @llvm.prefetch.p0({emitter.typed(item.operands[0])}, i32 0, i32 3, i32 1)"]


def _dot(each: int) -> Callable[[_Emitter, Instruction], list[str]]:
    def lines(emitter: _Emitter, item: Instruction) -> list[str]:
        target = emitter.target
        made = _made(item)
        if (each == 4 and target.dot != each) or made.type.lanes != target.lanes:
            raise IrError(f"{target.name} has dot{target.dot} on {target.lanes} lanes; not {item}")
        if each == 4 and item.attributes.get("signed", False) != target.signed_codes:
            raise IrError(f"{target.name} has {'signed' if target.signed_codes else 'unsigned'} codes; not {item}")
        emit = target.emit_dot if target.dot == each else target.emit_dot2
        return list(emit(f"%{made.name}", *map(emitter.text, item.operands)))

    return lines


def _dot8(emitter: _Emitter, item: Instruction) -> list[str]:
    target, made = emitter.target, _made(item)
    if target.pair_limit is None or made.type.lanes != target.lanes:
        raise IrError(f"{target.name} has no dot8 on {made.type.lanes} lanes; not {item}")
    return list(target.emit_dot8(f"%{made.name}", *map(emitter.text, item.operands)))


def _local(emitter: _Emitter, item: Instruction) -> list[str]:
    return [f"%{_made(item).name} = alloca [{item.attributes['bytes']} x i8], align 64"]


def _matrix(emitter: _Emitter, item: Instruction) -> list[str]:
    target = emitter.target
    if not target.matrix:
        raise IrError(f"{target.name} has no {item.opcode}")
    if item.opcode != "matrix_dot":
        return [target.emit_matrix_open() if item.opcode == "matrix_open" else target.emit_matrix_close()]
    strides = (f"i64 {item.attributes[name]}" for name in ("row", "step", "w_move", "x_move"))
    fetch = f"i1 {str(item.attributes['fetch']).lower()}"
    return [target.emit_matrix_dot(*map(emitter.typed, item.operands), *strides, fetch)]


EMITTERS: Mapping[str, Callable[[_Emitter, Instruction], Sequence[Any]]] = {
    "add": _binary("add", "fadd"),
    "sub": _binary("sub", "fsub"),
    "mul": _binary("mul", "fmul"),
    "and": _binary("and"),
    "or": _binary("or"),
    "shl": _shift("shl"),
    "shr": _shift("lshr"),
    "fma": _intrinsic("fma"),
    "div": _binary("", "fdiv"),
    "sqrt": _intrinsic("sqrt"),
    "min": _extreme("slt", "olt"),
    "max": _extreme("sgt", "ogt"),
    "less": _compare("slt", "olt"),
    "equal": _compare("eq", "oeq"),
    "select": _select,
    "round": _intrinsic("roundeven"),
    "to_i32": _convert("fptosi"),
    "to_f32": _convert("sitofp"),
    "bits_as": _convert("bitcast"),
    "zero_extend": _convert("zext"),
    "truncate": _convert("trunc"),
    "index_to_i32": _convert("trunc"),
    "extend_index": _extend_index,
    "splat": _splat,
    "shuffle": _shuffle,
    "extract": _extract,
    "offset": _offset,
    "load": _load,
    "load_first": _load_first,
    "store": _store,
    "store_first": _store_first,
    "prefetch": _prefetch,
    "dot4": _dot(4),
    "dot8": _dot8,
    "dot2": _dot(2),
    "local": _local,
    "matrix_open": _matrix,
    "matrix_dot": _matrix,
    "matrix_close": _matrix,
}
