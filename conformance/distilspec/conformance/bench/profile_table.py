"""A profile on a console: its parts, and below each the kernels."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from distilspec.conformance.bench.profile import ForwardProfile
from distilspec.conformance.bench.table import limits_lines, weights_of
from distilspec.conformance.report.text import printable

_COLUMNS = ("", "operations", "ms", "share", "of the limit")


def print_profile(profile: ForwardProfile, console: Console) -> None:
    """Print the machine's limits, the whole forward, and a table of its parts."""
    threads = profile.limits.threads
    what = profile.workload
    for line in (
        f"{profile.machine.cpu}, {profile.machine.cores} processors",
        *limits_lines([profile.limits]),
        f"{what.model} {profile.shape}, {weights_of(what)}, {profile.recipe}, {threads} thread{'s' * (threads > 1)}",
        f"{profile.forward_ms:.2f} ms in one native call, {profile.roofline:.0%} of the roofline; "
        f"{profile.sum_ms:.2f} ms in a call for each operation",
        f"{profile.call_ms:.2f} ms called from Python, of which {profile.dispatch:.1%} is not the native call",
    ):
        console.print(Text(printable(line)), soft_wrap=True, highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for part in profile.parts:
        count = sum(kernel.operations for kernel in part.kernels)
        limit = "-" if part.of_limit is None else f"{part.of_limit:.0%}"
        table.add_row(Text(part.part, style="bold"), str(count), f"{part.ms:.2f}", f"{part.share:.0%}", limit)
        for kernel in part.kernels:
            table.add_row(f"  {kernel.kernel}", str(kernel.operations), f"{kernel.ms:.2f}")
    console.print(table)
