"""Calling one kernel, outside of any plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from distilspec.fast.codegen.compile import Compiled
from distilspec.fast.codegen.ir import Function
from distilspec.fast.isa.host import host_target
from distilspec.fast.isa.target import Target
from distilspec.reference.contract.types import Array


def call(kernel: Callable[..., Function], *variant: Any, units: int, **operands: Array | int | float) -> None:
    """
    Do all units of the work of a kernel, in this thread; arrays are contiguous, and as its docstring says.

    The kernel is that of ``host_target``; it is compiled once.
    """
    function, code = _machine_code(kernel, host_target(), variant)
    given = {**operands, "first": 0, "last": units, "worker": 0}
    code(*(_argument(given[parameter.name]) for parameter in function.parameters))


def _argument(value: Array | int | float) -> int | float:
    if not isinstance(value, np.ndarray):
        return value
    assert value.flags.c_contiguous
    return value.ctypes.data


@cache
def _machine_code(
    kernel: Callable[..., Function], target: Target, variant: tuple[Any, ...]
) -> tuple[Function, Callable[..., None]]:
    function = kernel(target, *variant)
    return function, Compiled([function], target).callable(function.name)
