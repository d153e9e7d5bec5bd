"""
The most texts a second whose 99th percentile of latency is under a limit, over batch sizes and numbers of instances.

Instances are processes of one runtime, each with processors of its own, that run one batch after the other at the same
time. A batch's latency is that of all its texts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilspec.conformance.bench.peers import Peer
from distilspec.conformance.bench.process import PeerError, Process
from distilspec.conformance.bench.rows import LeftOut
from distilspec.conformance.bench.session import load, processors_for, sources
from distilspec.conformance.bench.table import left_out_line
from distilspec.conformance.bench.timings import percentile
from distilspec.conformance.bench.verdict import Verdict
from distilspec.conformance.bench.workloads import Shape, Workload
from distilspec.conformance.report.text import printable
from distilspec.conformance.result import State

#: Batch sizes that are tried, until one is too slow.
BATCHES = (1, 2, 4, 8, 16, 32, 64)

#: Seconds before a window in which every instance runs already.
LEAD = 0.5

#: Of the latencies, which must be under the limit.
PERCENT = 99.0

Window = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Served:
    """
    One choice of batch size and instances: texts a second, and the 99th percentile of a batch's latency.

    ``batches`` counts the latencies; of fewer than 100, the percentile is the largest.
    """

    runtime: str
    sparsity: float
    seq: int
    batch: int
    instances: int
    threads_each: int
    texts_per_second: float
    p99_ms: float
    batches: int
    state: State
    detail: str = ""


def served(what: Mapping[str, Any], windows: Sequence[Window], start: float, stop: float, verdict: Verdict) -> Served:
    """
    Return what instances have done from ``start`` to ``stop``.

    ``windows`` hold, for each instance, when every forward began and ended; those that ended later do not count as
    done, and their latency does.
    """
    latencies = [ended - began for window in windows for began, ended in window]
    done = sum(ended <= stop for window in windows for _, ended in window)
    per_second = done * what["batch"] / (stop - start)
    return Served(
        **what, texts_per_second=per_second, p99_ms=percentile(latencies, PERCENT) * 1e3, batches=len(latencies),
        state=verdict.state,
    )  # fmt: skip


def best(tried: Sequence[Served], limit_ms: float) -> dict[tuple[str, float], Served | None]:
    """Return the most texts a second of every runtime and sparsity that keeps the limit, None where nothing does."""
    found: dict[tuple[str, float], Served | None] = {}
    for one in tried:
        key = (one.runtime, one.sparsity)
        before = found.setdefault(key, None)
        kept = one.batches > 0 and one.p99_ms <= limit_ms
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
) -> list[Served]:
    """Try batch sizes, the next larger one while the limit is kept, with each number of instances."""
    tried: list[Served] = []
    for workload in workloads:
        for peer in peers:
            for shares in splits(processors_for(threads)):
                for batch in BATCHES:
                    show(f"{peer.name}, {len(shares)} instances, batch {batch}")
                    one = _try(peer, workload, Shape(batch, sequence), shares, seconds)
                    tried.append(one)
                    if not one.batches or one.p99_ms > limit_ms:
                        break
    return tried


def print_served(tried: Sequence[Served], left_out: Sequence[LeftOut], limit_ms: float, console: Console) -> None:
    """Print the best choice of every runtime, the most texts a second first, and who was left out."""
    chosen = best(tried, limit_ms)
    table = Table(box=None, pad_edge=False)
    columns = ("runtime", "sparsity", "verdict", "texts/s", "p99 ms", "batch", "instances", "threads each")
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if number < 3 else "right", no_wrap=True)
    notes = []
    ordered = sorted(chosen.items(), key=lambda item: -(item[1].texts_per_second if item[1] else 0.0))
    for (runtime, sparsity), one in ordered:
        row: tuple[object, ...]
        if one is None:
            own = [found for found in tried if (found.runtime, found.sparsity) == (runtime, sparsity)]
            row = (runtime, f"{sparsity:g}", own[-1].state, *"-----")
            notes.append(f"{runtime}: {own[-1].detail or 'not under the limit with any batch'}")
        else:
            row = (
                runtime, f"{sparsity:g}", one.state, f"{one.texts_per_second:.1f}", f"{one.p99_ms:.2f}", one.batch,
                one.instances, one.threads_each,
            )  # fmt: skip
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    console.print(Text(f"The most texts a second with p99 of latency at most {limit_ms:g} ms", style="bold"))
    console.print(table)
    for line in (*(f"  {note}" for note in notes), *map(left_out_line, left_out)):
        console.print(Text(printable(line)), soft_wrap=True, highlight=False)


def as_json(tried: Sequence[Served], left_out: Sequence[LeftOut], limit_ms: float) -> dict[str, Any]:
    """Return all that was tried, and the best of each runtime."""
    chosen = [asdict(one) for one in best(tried, limit_ms).values() if one is not None]
    return {
        "latency_limit_ms": limit_ms,
        "best": chosen,
        "tried": [asdict(one) for one in tried],
        "left_out": [asdict(one) for one in left_out],
    }


def _try(peer: Peer, workload: Workload, shape: Shape, shares: Sequence[Sequence[int]], seconds: float) -> Served:
    what: dict[str, Any] = {
        "runtime": peer.name, "sparsity": workload.sparsity, "seq": shape.sequence, "batch": shape.batch,
        "instances": len(shares), "threads_each": len(shares[0]),
    }  # fmt: skip
    try:
        with ExitStack() as stack, sources(workload, shape) as source:
            instances = [stack.enter_context(Process(peer, len(share), share)) for share in shares]
            verdicts = [load(instance, workload, shape, source) for instance in instances]
            start = time.monotonic() + LEAD
            stop = start + seconds
            for instance in instances:
                instance.begin_window(start, stop)
            windows = [instance.end_window() for instance in instances]
            return served(what, windows, start, stop, max(verdicts, key=lambda verdict: verdict.error))
    except PeerError as failure:
        return Served(**what, texts_per_second=0.0, p99_ms=0.0, batches=0, state=failure.state, detail=str(failure))
