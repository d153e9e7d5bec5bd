"""A benchmark from its question to its rows: processes are started, checked, timed in rounds, and ended."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

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
from distilspec.conformance.bench.work import Limits, Work, work_of
from distilspec.conformance.bench.workloads import Shape, Workload
from distilspec.conformance.report.environment import this_environment
from distilspec.conformance.result import State
from distilspec.reference.contract.errors import RangeError, UnsupportedError
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.program import Program

Show = Callable[[str], object]

#: Says where a peer finds its model for a shape: a path and the labels of outputs, in lines, or what its loader takes.
Source = Callable[[Peer, Shape], str]

#: The distance of one text's few logits is a matter of chance; a limit is then the largest one of so many texts.
FEW_NUMBERS, TEXTS_OF_FEW_NUMBERS = 16, 8


@dataclass(frozen=True)
class Question:
    """
    What is to be timed: every peer on every workload, shape and number of threads; ``seconds`` for each of these.

    Workloads that belong together in a ``comparison``, which has a name, take their turns in the same rounds, against
    the base on the first of them.
    """

    peers: Sequence[Peer]
    workloads: Sequence[Workload]
    shapes: Sequence[Shape]
    threads: Sequence[int]
    base: str | None = None
    seconds: float = 20.0
    comparison: str = ""


class Entrant(NamedTuple):
    """A runtime's process and what it runs."""

    process: Process
    workload: Workload


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
            report.limits.append(limits)
        together = [question.workloads] if question.comparison else [[workload] for workload in question.workloads]
        with ExitStack() as stack:
            processes = [
                [stack.enter_context(Process(peer, threads, processors)) for peer in present] for _ in together[0]
            ]
            for workloads in together:
                entrants = {
                    f"{process.peer.name} on {workload.model}": Entrant(process, workload)
                    for workload, of_a_workload in zip(workloads, processes, strict=True)
                    for process in of_a_workload
                }
                with ExitStack() as files:
                    found = {workload: files.enter_context(sources(workload)) for workload in workloads}
                    for shape in question.shapes:
                        rows = _rows(entrants, found, shape, threads, limits, base, question.seconds, show)
                        report.rows += [replace(row, comparison=question.comparison) for row in rows]
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
def sources(workload: Workload) -> Iterator[Source]:
    """
    Yield a function that says where a peer finds the model of a workload for a shape.

    Files that are written for it are gone afterwards; those of one shape when another shape is asked for.
    """
    with tempfile.TemporaryDirectory(prefix="distilspec-bench-") as folder:
        program_of = lru_cache(workload.program)  # reading one takes a second
        written: dict[tuple[Recipe, str, int, Shape | None], list[str]] = {}

        def onnx_file(recipe: Recipe, form: str, opset: int, shape: Shape | None) -> str:
            key = (recipe, form, opset, shape)
            if key not in written:
                of_other_shapes = [one for one in written if shape is not None and one[-1] not in (None, shape)]
                for other in of_other_shapes:
                    Path(written.pop(other)[0]).unlink()
                path = Path(folder) / f"{recipe}-{form}-{opset}-{shape}.onnx"
                _write(program_of(recipe), path, form, opset, shape)
                written[key] = [str(path), *program_of(recipe).outputs]
            return "\n".join(written[key])

        def source(peer: Peer, shape: Shape) -> str:
            if peer.is_foreign or peer.loader in FROM_ONNX:
                # workers of other environments fix the shapes themselves
                fixed = None if peer.is_foreign else shape
                return onnx_file(peer.recipe, peer.options["form"], int(peer.options.get("opset", "17")), fixed)
            if peer.loader == "ctranslate2":
                return f"{workload.model}\n{workload.sparsity}"
            return str(workload.folder(peer.recipe, packed=peer.loader == "fast"))

        yield source


def _write(program: Program, path: Path, form: str, opset: int, shape: Shape | None) -> None:
    from distilspec.conformance.bench.sparseml_form import as_sparseml
    from distilspec.reference.formats.onnx_writer import write_onnx

    sizes = None if shape is None else {"batch": shape.batch, "sequence": shape.sequence}
    if form == SPARSEML:
        model = as_sparseml(write_onnx(program, opset=opset, form="qoperator", static_shapes=sizes))
    else:
        model = write_onnx(program, opset=opset, form=form, static_shapes=sizes)
    path.write_bytes(model.SerializeToString())


def load(process: Process, workload: Workload, shape: Shape, source: Source) -> Verdict:
    """
    Let a runtime load its model, and return the verdict on what it computes.

    Raises
    ------
    PeerError
        It cannot, or its form of the program cannot be written.
    """
    peer, inputs = process.peer, workload.inputs(shape)
    try:
        made = source(peer, shape)
    except UnsupportedError as error:
        raise PeerError(State.UNSUPPORTED, str(error)) from None
    process.load(made, inputs)
    is_float = peer.recipe is Recipe.FP32
    float32 = workload.expected(Recipe.FP32, shape)
    expected = float32 if is_float or peer.own_numerics else workload.expected(peer.recipe, shape)
    if is_float and not peer.own_numerics:
        limit = FLOAT32_LIMIT
    else:
        recipe = Recipe.W8A8_STATIC if is_float else peer.recipe
        share = OF_OWN_NUMERICS if peer.own_numerics else OF_THE_RECIPE
        limit = share * _distance_of_recipe(workload, recipe, shape, float32)
    return judge(distance(expected, _labelled(process.outputs(), expected)), limit)


def described(process: Process, workload: Workload, shape: Shape, threads: int, base: str) -> dict[str, Any]:
    """Return the fields of a row that say what was timed."""
    peer = process.peer
    return {
        "runtime": peer.name,
        "version": version_of(process),
        "recipe": peer.numerics,
        "sparsity": workload.sparsity,
        "block_shape": workload.block_shape if workload.sparsity else None,
        "batch": shape.batch,
        "seq": shape.sequence,
        "threads": threads,
        "model": workload.model,
        "pruned": workload.pruned,
        "base": base,
    }


def version_of(process: Process) -> str:
    """Return the version of a runtime, as far as it is known before it has loaded a model."""
    package = "distilspec" if process.peer.loader == "fast" else process.peer.package
    return process.version or (version(package) if package else "")


def _rows(
    entrants: Mapping[str, Entrant],
    found: Mapping[Workload, Source],
    shape: Shape,
    threads: int,
    limits: Limits | None,
    base: str,
    seconds: float,
    show: Show,
) -> list[Row]:
    verdicts: dict[str, Verdict] = {}
    refused: dict[str, PeerError] = {}
    first = next(iter(entrants.values())).workload
    for name, (process, workload) in entrants.items():
        show(f"{name} loads {shape}")
        try:
            verdicts[name] = load(process, workload, shape, found[workload])
        except PeerError as failure:
            refused[name] = failure
    times = measure({name: entrants[name].process for name in verdicts}, seconds, show=show)
    of_base: Times | None = times.get(f"{base} on {first.model}")
    rows = []
    for name, (process, workload) in entrants.items():
        row = described(process, workload, shape, threads, base)
        if name in refused:
            rows.append(Row(**row, state=refused[name].state, detail=str(refused[name])))
            continue
        is_bf16 = process.peer.options.get("precision") == "bf16"
        recipe = Recipe.W8A8_STATIC if process.peer.loader == "openvino_nncf" else process.peer.recipe
        least = least_seconds(limits, _work(workload, recipe, shape), is_bf16=is_bf16)
        rows.append(timed(row, verdicts[name], times[name], of_base, least))
    return rows


@lru_cache
def _work(workload: Workload, recipe: Recipe, shape: Shape) -> Work:
    return work_of(workload.program(recipe), shape)


def _distance_of_recipe(workload: Workload, recipe: Recipe, shape: Shape, float32: Mapping[str, Array]) -> float:
    """Return how far a recipe is from float32 on the texts that are timed, or on more where a text is a few numbers."""
    if all(array.ndim > 2 or array.shape[-1] >= FEW_NUMBERS for array in float32.values()):
        return distance(float32, workload.expected(recipe, shape))
    more = Shape(max(shape.batch, TEXTS_OF_FEW_NUMBERS), shape.sequence)
    return distance(*(workload.expected(one, more, texts=TEXTS_OF_FEW_NUMBERS) for one in (Recipe.FP32, recipe)))


def _labelled(outputs: Mapping[str, Array], expected: Mapping[str, Array]) -> Mapping[str, Array]:
    """Return outputs by the program's labels; a runtime of another environment may call its only output otherwise."""
    return outputs if set(outputs) == set(expected) else dict(zip(expected, outputs.values(), strict=False))
