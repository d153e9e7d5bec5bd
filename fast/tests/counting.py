"""A kernel whose work can be counted, for tests of what runs kernels."""

from __future__ import annotations

from functools import cache

import numpy as np

from distilspec.fast.codegen.builder import Builder
from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.codegen.ir import I64, PTR
from distilspec.fast.execute.pool import Call

STEP = 8


def chained():
    """Return a kernel: counts[unit] becomes 1 more than the sum of all counts that were there before the operation."""
    builder = Builder(
        "chained", **dict.fromkeys(("before", "after", "threads", "most"), PTR), size=I64,
        **dict.fromkeys(("first", "last", "worker"), I64),
    )  # fmt: skip
    p = builder.parameters
    with builder.loop(p["first"], p["last"]) as unit:
        with builder.loop(0, p["size"], 1, [builder.index(1)]) as each:
            count = builder.load(builder.offset(p["before"], builder.mul(each.index, STEP)), type=I64)
            each.hand_on(builder.add(each.carried[0], count))
        builder.store(each.results[0], builder.offset(p["after"], builder.mul(unit.index, STEP)))
    mine = builder.offset(p["threads"], builder.mul(p["worker"], STEP))
    done = builder.sub(p["last"], p["first"])
    builder.store(builder.add(builder.load(mine, type=I64), done), mine)
    most = builder.offset(p["most"], builder.mul(p["worker"], STEP))
    builder.store(builder.max(builder.load(most, type=I64), done), most)
    return builder.finish()


@cache
def compiled(target):
    """Return the kernel as machine code."""
    return Compiled([chained()], target)


class Chain:
    """
    Operations of which each reads all that the one before has written.

    After operation n every count is the sum of the counts before plus 1, so a unit that ran too early, twice or not at
    all leaves another number behind. ``threads`` are the units of every thread, ``most`` its largest part at once.
    """

    def __init__(self, target, *, operations=20, units=13, grain=2, threads=4):
        """Write the calls down."""
        self.units, self.operations = units, operations
        self.counts = np.zeros((operations + 1, units), np.int64)
        self.threads, self.most = np.zeros((2, threads), np.int64)
        self._slots = []
        self.calls = [self._call(target, number, grain) for number in range(operations)]

    def _call(self, target, number, grain):
        before, after = self.counts[number], self.counts[number + 1]
        addresses = [array.ctypes.data for array in (before, after, self.threads, self.most)]
        self._slots.append(np.array([*addresses, self.units], np.int64))
        return Call(compiled(target).entry("chained"), self._slots[-1].ctypes.data, self.units, grain)

    def expected(self):
        """Return the counts after the last operation."""
        count = 0
        for _ in range(self.operations):
            count = (1 + self.units * count) % 2**64
        return count - 2**64 if count >= 2**63 else count

    def clear(self):
        """Forget what has run."""
        self.counts[:] = 0
        self.threads[:] = 0
        self.most[:] = 0
