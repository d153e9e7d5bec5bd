"""``Pool``: threads that carry out lists of kernel calls, spinning between them for a while and then asleep."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from distilspec.fast.codegen.compile import MachineCode
from distilspec.fast.execute.memory import private_memory
from distilspec.fast.execute.threads import expect_threads
from distilspec.fast.isa.target import Target
from distilspec.reference.contract.errors import RangeError

#: How often a thread that waits for others looks before it lets other processes run.
SPINS = 2_000

#: How often a worker without work looks before it sleeps: some tenths of a millisecond.
PATIENCE = 5_000

#: Bytes of an operation, and of a worker's part of the state; ``pool.ll`` says what they hold.
OPERATION, FIRST_WORKER, WORKER = 128, 320, 64

#: How a processor is told that a thread waits: the intrinsic's declaration, and its call.
_PAUSE = {
    "x86_64": ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"),
    "aarch64": ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"),
}


@dataclass(frozen=True)
class Call:
    """
    A kernel's part in a forward.

    Parameters
    ----------
    entry : int
        Address of the kernel's entry.
    slots : int
        Address of its other parameters.
    units : int
        How much there is to do; any part of it may be done at any time, in any thread.
    grain : int
        How many units a thread takes at a time, at the least; 1 or more.
    """

    entry: int
    slots: int
    units: int
    grain: int


class Calls:
    """A list of calls, as ``pool.ll`` reads it."""

    def __init__(self, calls: Sequence[Call]) -> None:
        """Write the list down, aligned so that no two operations share a cache line."""
        self.count = len(calls)
        self._memory = private_memory(max(1, self.count) * OPERATION)
        words = np.frombuffer(self._memory, np.int64).reshape(-1, OPERATION // 8)
        for row, call in zip(words, calls, strict=False):
            row[:4] = call.entry, call.slots, call.units, call.grain
        self.address = int(words.ctypes.data)


class Pool:
    """
    The calling thread and ``threads - 1`` workers.

    A pool belongs to the process that made it; after a fork the child makes its own. One thread at a time may call
    ``run``.
    """

    def __init__(self, target: Target, threads: int, *, oversubscribe: bool = False) -> None:
        """
        Start the workers.

        Raises
        ------
        RangeError
            ``threads`` is less than 1, or more than the processors of this process without ``oversubscribe``, or more
            than the system starts.
        """
        expect_threads(threads, oversubscribe=oversubscribe)
        self.threads = threads
        functions = _functions(target)
        self._run = functions.run
        size = FIRST_WORKER + threads * WORKER
        # the pool and every worker hold the state, so that it outlives whoever reads it
        self._state = (ctypes.c_char * size).from_buffer(private_memory(size))
        self._address = ctypes.addressof(self._state)
        functions.open(self._state, threads - 1)
        workers: list[threading.Thread] = []
        self._finish = weakref.finalize(self, _finish, functions.stop, self._state, workers, os.getpid())
        for number in range(1, threads):
            worker = threading.Thread(
                target=functions.work, args=(self._state, number - 1), name=f"distilspec-{number}", daemon=True
            )
            try:
                worker.start()
            except RuntimeError as error:
                self.close()
                raise RangeError(f"threads: {error} besides {number}; expected {threads}") from None
            workers.append(worker)

    def run(self, calls: Calls) -> None:
        """Carry out a list of calls."""
        self._run(self._address, calls.address, calls.count)

    def close(self) -> None:
        """Let the workers end, and wait for them."""
        self._finish()


def _finish(
    stop: Callable[..., None], state: ctypes.Array[ctypes.c_char], workers: Sequence[threading.Thread], process: int
) -> None:
    if os.getpid() == process:
        stop(state)
        for worker in workers:
            worker.join()


class _Functions:
    """What ``pool.ll`` defines."""

    def __init__(self, target: Target) -> None:
        """Compile it, or load what was compiled before."""
        code = _machine_code(target)
        self.open = code.callable("pool_open", ctypes.c_void_p, ctypes.c_int64)
        self.run = code.callable("pool_run", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        self.work = code.callable("pool_work", ctypes.c_void_p, ctypes.c_int64)
        self.stop = code.callable("pool_stop", ctypes.c_void_p)


#: Kept, because a forked process may have to do without LLVM: another thread may have held its lock.
_functions = cache(_Functions)


def _machine_code(target: Target) -> MachineCode:
    text = (files(__package__) / "pool.ll").read_text("utf-8")
    declaration, pause = _PAUSE.get(target.triple.split("-")[0], ("", ""))
    numbers = {"spins": str(SPINS), "patience": str(PATIENCE)}
    for name, value in {"declaration": declaration, "pause": pause, **numbers}.items():
        text = text.replace(f"{{{name}}}", value)
    return MachineCode(f'target triple = "{target.triple}"\n{text}', target)
