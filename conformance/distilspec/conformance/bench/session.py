"""A benchmark from its question to its rows: processes are started, checked, timed in rounds, and ended."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distilspec.conformance.bench.loaders import FROM_ONNX
from distilspec.conformance.bench.peers import SPARSEML, Peer, base_of, missing
from distilspec.conformance.bench.process import PeerError, Process
from distilspec.conformance.bench.rounds import Times, measure
from distilspec.conformance.bench.rows import LeftOut, Report, Row, least_seconds, timed
from distilspec.conformance.bench.verdict import (
    FLOAT32_LIMIT,
    OF_OWN_NUMERICS,
    OF_THE_RECIPE,
    Verdict,
    distance,
    judge,
)
from distilspec.conformance.bench.work import Limits, work_of
from distilspec.conformance.bench.workloads import Shape, Workload
from distilspec.conformance.report.environment import this_environment
from distilspec.reference.contract.errors import RangeError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array

Show = Callable[[str], object]


@dataclass(frozen=True)
class Question:
    """What is to be timed: every peer on every workload, shape and number of threads; ``seconds`` for each of these."""

    peers: Sequence[Peer]
    workloads: Sequence[Workload]
    shapes: Sequence[Shape]
    threads: Sequence[int]
    base: str | None = None
    seconds: float = 20.0


def bench(question: Question, show: Show = lambda _: None) -> Report:
    """
    Return the rows of all workloads, shapes and numbers of threads.

    Raises
    ------
    RangeError
        There are more threads than processors, the base is not timed, or a shape is too long for the model.
    """
    base = base_of([peer.name for peer in question.peers], question.base)
    report = Report(this_environment())
    present = []
    for peer in question.peers:
        reason = missing(peer)
        if reason is None:
            present.append(peer)
        else:
            report.left_out.append(LeftOut(peer.name, reason))
    if not present:
        return report
    for threads in question.threads:
        processors = processors_for(threads)
        show("the machine's limits")
        limits = limits_of(threads, processors)
        if limits is not None:
            report.limits[threads] = limits
        for workload in question.workloads:
            with ExitStack() as stack:
                processes = {peer.name: stack.enter_context(Process(peer, threads, processors)) for peer in present}
                for shape in question.shapes:
                    report.rows += _rows(processes, workload, shape, threads, limits, base, question.seconds, show)
    return report


def processors_for(threads: int) -> tuple[int, ...]:
    """Return the first processors that this process may use; ``RangeError`` if there are too few."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    if not 1 <= threads <= len(allowed):
        raise RangeError(f"threads: got {threads}; expected 1 to {len(allowed)}, the processors that may be used")
    return tuple(allowed[:threads])


def default_threads() -> list[int]:
    """Return two threads, or one where there is one processor."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [min(2, allowed)]


def limits_of(threads: int, processors: Sequence[int]) -> Limits | None:
    """Return the machine's limits, or None without llvmlite, by which they are measured."""
    if find_spec("llvmlite") is None:
        return None
    from distilspec.conformance.bench.limits import machine_limits

    return machine_limits(threads, processors)


@contextmanager
def sources(workload: Workload, shape: Shape) -> Iterator[Callable[[Peer], str]]:
    """Yield a function that says where a peer finds its model; files that are written for it are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="distilspec-bench-") as folder:

        @lru_cache
        def written(recipe: Recipe, form: str, opset: int, is_fixed: bool) -> str:
            from distilspec.conformance.bench.sparseml_form import as_sparseml
            from distilspec.reference.formats.onnx_writer import write_onnx

            program = workload.program(recipe)
            sizes = {"batch": shape.batch, "sequence": shape.sequence}
            path = Path(folder) / f"{recipe}-{form}-{opset}-{is_fixed}.onnx"
            static = sizes if is_fixed else None
            if form == SPARSEML:
                model = as_sparseml(write_onnx(program, opset=opset, form="qoperator", static_shapes=static))
            else:
                model = write_onnx(program, opset=opset, form=form, static_shapes=static)
            path.write_bytes(model.SerializeToString())
            return "\n".join([str(path), *program.outputs])

        def source(peer: Peer) -> str:
            if peer.is_foreign or peer.loader in FROM_ONNX:
                # workers of other environments fix the shapes themselves
                return written(
                    peer.recipe, peer.options["form"], int(peer.options.get("opset", "17")), not peer.is_foreign
                )
            if peer.loader == "ctranslate2":
                return f"{workload.model}\n{workload.sparsity}"
            return str(workload.folder(peer.recipe, packed=peer.loader == "fast"))

        yield source


def load(process: Process, workload: Workload, shape: Shape, source: Callable[[Peer], str]) -> Verdict:
    """
    Let a runtime load its model, and return the verdict on what it computes.

    Raises
    ------
    PeerError
        It cannot, or its form of the program cannot be written.
    """
    peer, inputs = process.peer, workload.inputs(shape)
    process.load(source(peer), inputs)
    is_float = peer.recipe is Recipe.FP32
    float32 = workload.expected(Recipe.FP32, shape)
    expected = float32 if is_float or peer.own_numerics else workload.expected(peer.recipe, shape)
    if is_float and not peer.own_numerics:
        limit = FLOAT32_LIMIT
    else:
        recipe = Recipe.W8A8_STATIC if is_float else peer.recipe
        share = OF_OWN_NUMERICS if peer.own_numerics else OF_THE_RECIPE
        limit = share * distance(float32, workload.expected(recipe, shape))
    return judge(distance(expected, _labelled(process.outputs(), expected)), limit)


def described(process: Process, workload: Workload, shape: Shape, threads: int, base: str) -> dict[str, Any]:
    """Return the fields of a row that say what was timed."""
    peer = process.peer
    package = "distilspec" if peer.loader == "fast" else peer.package
    return {
        "runtime": peer.name,
        "version": process.version or (version(package) if package else ""),
        "recipe": peer.options.get("numerics", str(peer.recipe)),
        "sparsity": workload.sparsity,
        "block_shape": workload.block_shape if workload.sparsity else None,
        "batch": shape.batch,
        "seq": shape.sequence,
        "threads": threads,
        "model": workload.model,
        "pruned": workload.pruned,
        "base": base,
    }


def _rows(
    processes: Mapping[str, Process],
    workload: Workload,
    shape: Shape,
    threads: int,
    limits: Limits | None,
    base: str,
    seconds: float,
    show: Show,
) -> list[Row]:
    verdicts: dict[str, Verdict] = {}
    refused: dict[str, PeerError] = {}
    with sources(workload, shape) as source:
        for name, process in processes.items():
            show(f"{name} loads {shape}")
            try:
                verdicts[name] = load(process, workload, shape, source)
            except PeerError as failure:
                refused[name] = failure
        times = measure({name: processes[name] for name in verdicts}, seconds, show=show)
    of_base: Times | None = times.get(base)
    rows = []
    for name, process in processes.items():
        row = described(process, workload, shape, threads, base)
        if name in refused:
            rows.append(Row(**row, state=refused[name].state, detail=str(refused[name])))
            continue
        is_bf16 = process.peer.options.get("precision") == "bf16"
        recipe = Recipe.W8A8_STATIC if process.peer.loader == "openvino_nncf" else process.peer.recipe
        least = least_seconds(limits, work_of(workload.program(recipe), shape), is_bf16=is_bf16)
        rows.append(timed(row, verdicts[name], times[name], of_base, least))
    return rows


def _labelled(outputs: Mapping[str, Array], expected: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return outputs by the program's labels; a runtime of another environment may call its only output otherwise."""
    return outputs if set(outputs) == set(expected) else dict(zip(expected, outputs.values(), strict=False))
