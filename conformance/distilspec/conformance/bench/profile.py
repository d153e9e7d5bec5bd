"""Where the time of a forward of the fast engine goes, and what share of the machine's limits its products reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from distilspec.conformance.bench.limits import machine_limits
from distilspec.conformance.bench.rows import SCHEMA, rounded
from distilspec.conformance.bench.session import processors_for
from distilspec.conformance.bench.work import Limits, work_of
from distilspec.conformance.bench.workloads import Shape, Workload
from distilspec.conformance.report.environment import Environment, this_environment
from distilspec.fast import Engine, OperationTime
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.program import Program

_MS = 1e3


@dataclass(frozen=True)
class _Part:
    """What of a forward belongs together: kernels of the engine, and the operators whose products they add up."""

    name: str
    kernels: frozenset[str]
    operators: frozenset[str] = frozenset()


_PARTS = (
    _Part(
        "Linears in INT8",
        frozenset({"dense", "dense_matrix", "sparse_panels", "block_sparse", "near_block_sparse"}),
        frozenset({"quantized_linear", "quantized_block_sparse_linear"}),
    ),
    _Part("Linears in float32", frozenset({"linear"}), frozenset({"linear", "block_sparse_linear"})),
    _Part("attention in float32", frozenset({"attention", "key_list"}), frozenset({"scaled_dot_product_attention"})),
    _Part(
        "attention in INT8",
        frozenset({"quantized_attention", "attention_codes", "key_bias"}),
        frozenset({"matmul_integer"}),
    ),
)

_REST = _Part("everything else", frozenset())


@dataclass(frozen=True)
class KernelTime:
    """A kernel as the engine names it, how often a forward calls it, and the milliseconds of all these calls."""

    kernel: str
    operations: int
    ms: float


@dataclass(frozen=True)
class PartTime:
    """
    A part of a forward.

    ``ms`` are those of its kernels, and ``share`` is that of the sum of all parts. ``of_limit`` is the least time in
    which the machine can do its products, divided by its own, or None where it has none.
    """

    part: str
    ms: float
    share: float
    of_limit: float | None
    kernels: tuple[KernelTime, ...]


@dataclass(frozen=True)
class ForwardProfile:
    """
    A forward of the fast engine, operation by operation.

    ``forward_ms`` is that of the whole in one native call, ``call_ms`` that of a call of the engine from Python, which
    checks and copies inputs besides, ``dispatch`` the share of such calls that is not the native one's, their median,
    ``sum_ms`` that of all operations, each in a call of its own, and ``roofline`` the least time that the machine
    allows divided by the first.
    """

    machine: Environment
    limits: Limits
    workload: Workload
    recipe: Recipe
    shape: Shape
    forward_ms: float
    call_ms: float
    dispatch: float
    sum_ms: float
    roofline: float
    parts: tuple[PartTime, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON holds them, with figures of six digits."""
        what = {"recipe": str(self.recipe), "batch": self.shape.batch, "seq": self.shape.sequence}
        called = {"forward_ms": self.forward_ms, "call_ms": self.call_ms, "dispatch": self.dispatch}
        found = {**called, "sum_ms": self.sum_ms, "roofline": self.roofline}
        machine = {**asdict(self.machine), "limits": [asdict(self.limits)]}
        rest = {"threads": self.limits.threads, **found, "parts": [asdict(part) for part in self.parts]}
        document: dict[str, Any] = rounded({"machine": machine, **asdict(self.workload), **what, **rest})
        return {"schema": SCHEMA, **document}


def profile(workload: Workload, recipe: Recipe, shape: Shape, threads: int, seconds: float) -> ForwardProfile:
    """
    Measure the machine's limits, and then a forward and its operations for so many seconds.

    Raises
    ------
    ContractError
        As the workload's program, and as ``Engine`` and ``Engine.profile``.
    """
    program, inputs = workload.program(recipe), workload.inputs(shape)
    with Engine(program, threads=threads, backend="native") as engine:
        limits = machine_limits(threads, processors_for(threads))
        found = engine.profile(inputs, seconds=seconds)
    least = limits.seconds(work_of(program, shape))
    parts = tuple(_parts(found.operations, program, shape, limits))
    total = sum(part.ms for part in parts)
    return ForwardProfile(
        this_environment(), limits, workload, recipe, shape, found.seconds * _MS, found.call_seconds * _MS,
        found.dispatch, total, least / found.seconds, parts,
    )  # fmt: skip


def _parts(operations: Sequence[OperationTime], program: Program, shape: Shape, limits: Limits) -> list[PartTime]:
    """Return the parts that the forward has, those that take most first."""
    by_part: dict[_Part, list[OperationTime]] = {}
    for operation in operations:
        by_part.setdefault(_part_of(operation), []).append(operation)
    total = sum(operation.seconds for operation in operations)
    found = []
    for part, its in by_part.items():
        taken = sum(operation.seconds for operation in its)
        least = limits.of_products(work_of(program, shape, part.operators)) if part.operators else 0.0
        found.append(PartTime(part.name, taken * _MS, taken / total, least / taken if least else None, _kernels(its)))
    return sorted(found, key=lambda part: -part.ms)


def _part_of(operation: OperationTime) -> _Part:
    return next((part for part in _PARTS if operation.kind in part.kernels), _REST)


def _kernels(operations: Sequence[OperationTime]) -> tuple[KernelTime, ...]:
    by_name: dict[str, list[float]] = {}
    for operation in operations:
        by_name.setdefault(operation.kernel, []).append(operation.seconds * _MS)
    times = [KernelTime(name, len(each), sum(each)) for name, each in by_name.items()]
    return tuple(sorted(times, key=lambda time: -time.ms))
