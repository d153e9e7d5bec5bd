"""
The most texts a second whose 99th percentile of latency is under a limit, over batch sizes and numbers of instances.

Instances are processes of one runtime, each with processors of its own, that run one batch after the other at the same
time. A batch's latency is that of all its texts. A short look at every choice tells which of them are worth a window
that is long enough for a percentile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilspec.conformance.bench.peers import Peer
from distilspec.conformance.bench.process import PeerError, Process
from distilspec.conformance.bench.rows import SCHEMA, LeftOut, rounded
from distilspec.conformance.bench.session import Source, load, processors_for, sources, version_of
from distilspec.conformance.bench.table import left_out_line, weights_of
from distilspec.conformance.bench.timings import percentile
from distilspec.conformance.bench.verdict import Verdict
from distilspec.conformance.bench.workloads import Shape, Workload
from distilspec.conformance.report.environment import Environment
from distilspec.conformance.report.text import printable
from distilspec.conformance.result import State

#: Batch sizes that are tried, until one is too slow.
BATCHES = (1, 2, 4, 8, 16, 32, 64)

#: Seconds before a window in which every instance runs already.
LEAD = 0.5

#: Seconds of a look, or so many times the limit if that is longer.
LOOK, LIMITS_OF_A_LOOK = 1.0, 3

#: Of the latencies, which must be under the limit.
PERCENT = 99.0

Window = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Served:
    """
    One choice of batch size and instances: texts a second, and the median and 99th percentile of a batch's latency.

    ``batches`` counts the latencies; of fewer than 100, the percentile is the largest. ``is_look`` says that the window
    was a short one, whose percentile decides nothing.
    """

    runtime: str
    version: str
    recipe: str
    model: str
    sparsity: float
    block_shape: tuple[int, int] | None
    pruned: str
    seq: int
    batch: int
    instances: int
    threads_each: int
    is_look: bool
    texts_per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    batches: int = 0
    state: State = State.PASS
    detail: str = ""

    @property
    def workload(self) -> str:
        """Return what was served, without by whom."""
        return f"{self.model} at {self.seq} tokens, {weights_of(self)}"


@dataclass
class Serving:
    """Everything that was tried on a machine to find the most texts a second under a limit of latency."""

    machine: Environment
    limit_ms: float
    tried: list[Served] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def served(what: Served, windows: Sequence[Window], verdict: Verdict) -> Served:
    """
    Return ``what`` with what instances have done.

    ``windows`` hold, for each instance, when every forward began and ended. The texts of an instance are divided by the
    time from its first beginning to its last end, so that a batch that the end of the window cuts counts as it took.
    """
    latencies = [ended - began for window in windows for began, ended in window]
    per_second = sum(what.batch * len(window) / (window[-1][1] - window[0][0]) for window in windows)
    return replace(
        what, texts_per_second=per_second, p50_ms=median(latencies) * 1e3,
        p99_ms=percentile(latencies, PERCENT) * 1e3, batches=len(latencies), state=verdict.state,
    )  # fmt: skip


def best(tried: Sequence[Served], limit_ms: float) -> dict[tuple[str, str], Served | None]:
    """Return the most texts a second of every workload and runtime that keeps the limit, None where nothing does."""
    found: dict[tuple[str, str], Served | None] = {}
    for one in tried:
        key = (one.workload, one.runtime)
        before = found.setdefault(key, None)
        kept = one.batches > 0 and not one.is_look and one.p99_ms <= limit_ms
        if kept and (before is None or one.texts_per_second > before.texts_per_second):
            found[key] = one
    return found


def splits(processors: Sequence[int]) -> list[list[Sequence[int]]]:
    """
    Return every way to share processors out evenly, one instance with all of them first.

    >>> splits([0, 1])
    [[[0, 1]], [[0], [1]]]
    """
    count = len(processors)
    sizes = [size for size in range(count, 0, -1) if count % size == 0]
    return [[processors[first : first + size] for first in range(0, count, size)] for size in sizes]


def serve(
    peers: Sequence[Peer],
    workloads: Sequence[Workload],
    sequence: int,
    threads: int,
    limit_ms: float,
    seconds: float,
    show: Callable[[str], object] = lambda _: None,
) -> Iterator[Served]:
    """
    Yield what was tried: short looks, then windows of ``seconds``.

    A look at every batch size and number of instances, the next larger batch while the median keeps the limit. Then
    windows, of what served the most texts first, until one keeps the limit.
    """
    for workload in workloads:
        for peer in peers:
            with ExitStack() as stack:
                source = stack.enter_context(sources(workload))
                teams = [
                    [stack.enter_context(Process(peer, len(share), share)) for share in shares]
                    for shares in splits(processors_for(threads))
                ]
                yield from _tried(teams, workload, source, sequence, limit_ms, seconds, show)


def ordered(serving: Serving) -> Iterator[tuple[str, list[tuple[Served, bool]]]]:
    """
    Yield each workload with the choice of every runtime and whether it keeps the limit, the most texts first.

    The choice of a runtime that never keeps it is the last one that was tried.
    """
    chosen = best(serving.tried, serving.limit_ms)
    for workload in dict.fromkeys(workload for workload, _ in chosen):
        last = {one.runtime: one for one in serving.tried if one.workload == workload}
        rows = [
            (chosen[workload, runtime] or one, chosen[workload, runtime] is not None) for runtime, one in last.items()
        ]
        yield workload, sorted(rows, key=lambda row: (not row[1], -row[0].texts_per_second))


def why_not(one: Served) -> str:
    """Return why a runtime never kept the limit, from the last choice that was tried."""
    return one.detail or "not under the limit with any batch"


def print_served(serving: Serving, console: Console) -> None:
    """Print the best choice of every runtime, the most texts a second first, and who was left out."""
    _line(console, f"The most texts a second with p99 of latency at most {serving.limit_ms:g} ms")
    for workload, rows in ordered(serving):
        console.print()
        _line(console, workload)
        table = Table(box=None, pad_edge=False)
        columns = (
            "runtime",
            "version",
            "recipe",
            "verdict",
            "texts/s",
            "p50 ms",
            "p99 ms",
            "batch",
            "instances",
            "threads each",
        )
        for number, column in enumerate(columns):
            table.add_column(Text(column), justify="left" if number < 4 else "right", no_wrap=True)
        for one, is_kept in rows:
            figures: Sequence[object] = "------"
            if is_kept:
                figures = (
                    f"{one.texts_per_second:.1f}", f"{one.p50_ms:.2f}", f"{one.p99_ms:.2f}", one.batch, one.instances,
                    one.threads_each,
                )  # fmt: skip
            cells = (one.runtime, one.version, one.recipe, one.state, *figures)
            table.add_row(
                *(Text(printable(str(cell)), style="" if one.state is State.PASS else "red") for cell in cells)
            )
        console.print(table)
        for one, is_kept in rows:
            if not is_kept:
                _line(console, f"  {one.runtime}: {why_not(one)}")
    for one_left_out in serving.left_out:
        _line(console, left_out_line(one_left_out))


def as_json(serving: Serving) -> dict[str, Any]:
    """Return all that was tried, and the best of each runtime."""
    kept = [one for one in best(serving.tried, serving.limit_ms).values() if one is not None]
    return {
        "schema": SCHEMA,
        "machine": rounded(asdict(serving.machine)),
        "latency_limit_ms": serving.limit_ms,
        "best": [rounded(asdict(one)) for one in kept],
        "tried": [rounded(asdict(one)) for one in serving.tried],
        "left_out": [asdict(one) for one in serving.left_out],
    }


def _tried(
    teams: Sequence[Sequence[Process]],
    workload: Workload,
    source: Source,
    sequence: int,
    limit_ms: float,
    seconds: float,
    show: Callable[[str], object],
) -> Iterator[Served]:
    """Yield what was tried with one runtime, of which every team is a number of instances."""
    look = min(seconds, max(LOOK, LIMITS_OF_A_LOOK * limit_ms / 1e3))
    promising = []
    left = list(teams)
    for batch in BATCHES:
        for team in list(left):
            what = _described(team, workload, Shape(batch, sequence))
            show(f"{what.runtime}, {what.instances} instances, batch {batch}")
            one = _run(team, workload, source, what, look)
            yield one
            if one.batches and one.p50_ms <= limit_ms:
                promising.append((one, team))
            else:
                left.remove(team)
    for look_at, team in sorted(promising, key=lambda choice: -choice[0].texts_per_second):
        show(f"{look_at.runtime}, {look_at.instances} instances, batch {look_at.batch}, for {seconds:g} s")
        one = _run(team, workload, source, replace(look_at, is_look=False), seconds)
        yield one
        if one.batches and one.p99_ms <= limit_ms:
            break


def _described(team: Sequence[Process], workload: Workload, shape: Shape) -> Served:
    peer = team[0].peer
    return Served(
        runtime=peer.name, version="", recipe=peer.numerics, model=workload.model, sparsity=workload.sparsity,
        block_shape=workload.block_shape if workload.sparsity else None, pruned=workload.pruned, seq=shape.sequence,
        batch=shape.batch, instances=len(team), threads_each=team[0].threads, is_look=True,
    )  # fmt: skip


def _run(team: Sequence[Process], workload: Workload, source: Source, what: Served, seconds: float) -> Served:
    """Return ``what`` with what a team of instances has done in a window."""
    shape = Shape(what.batch, what.seq)
    try:
        verdicts = [load(instance, workload, shape, source) for instance in team]
        start = time.monotonic() + LEAD
        stop = start + seconds
        for instance in team:
            instance.begin_window(start, stop)
        windows = _windows(team)
    except PeerError as failure:
        return replace(what, state=failure.state, detail=str(failure))
    worst = max(verdicts, key=lambda verdict: verdict.error)
    return served(replace(what, version=version_of(team[0])), windows, worst)


def _windows(team: Sequence[Process]) -> list[Window]:
    """Return the windows of all instances; each is waited for, even where another has failed."""
    windows: list[Window] = []
    failures: list[PeerError] = []
    for instance in team:
        try:
            windows.append(instance.end_window())
        except PeerError as failure:
            failures.append(failure)
    if failures:
        raise failures[0]
    return windows


def _line(console: Console, text: str) -> None:
    console.print(Text(printable(text)), soft_wrap=True, highlight=False)
