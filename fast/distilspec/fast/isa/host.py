"""Which targets this processor can execute, and which of them to use."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import llvmlite.binding as llvm

from distilspec.fast.isa.avx2 import Avx2
from distilspec.fast.isa.avx2_bytes import Avx2Bytes
from distilspec.fast.isa.avx512_amx import Avx512Amx
from distilspec.fast.isa.avx512_vnni import Avx512Vnni
from distilspec.fast.isa.avx_vnni import AvxVnni
from distilspec.fast.isa.neon_dot import NeonDot
from distilspec.fast.isa.portable import Portable
from distilspec.fast.isa.target import Target
from distilspec.reference.contract.errors import ContractError

#: Every target by its name, the quickest first.
TARGETS: Mapping[str, Target] = {
    target.name: target for target in (Avx512Amx(), Avx512Vnni(), AvxVnni(), NeonDot(), Avx2Bytes(), Avx2(), Portable())
}

#: The environment variable that forces a target.
VARIABLE = "DISTILSPEC_ISA"


class UnsupportedTargetError(ContractError):
    """A target was asked for that does not exist or that this processor cannot execute."""


def executable_targets() -> tuple[Target, ...]:
    """
    Return the targets whose instructions this processor has, the quickest first; none but on Linux.

    Kernels are emitted for its calling convention, and threads sleep in unnamed semaphores, which macOS does not have.
    """
    if sys.platform != "linux":
        return ()
    has = llvm.get_host_cpu_features()
    machine = llvm.get_process_triple().split("-")[0]
    return tuple(
        target
        for target in TARGETS.values()
        if target.triple.split("-")[0] == machine
        and all(has.get(feature, False) for feature in target.features)
        and target.is_permitted()
    )


def host_target(*, integers: bool = True) -> Target:
    """
    Return the quickest target that this processor can execute, or the one that ``DISTILSPEC_ISA`` names.

    Parameters
    ----------
    integers : bool
        Whether codes are multiplied; without that, another target may be quicker.

    Raises
    ------
    UnsupportedTargetError
        The variable names no target, or one that this processor cannot execute; or the system is not Linux.
    """
    can = {target.name: target for target in executable_targets()}
    if not can:
        raise UnsupportedTargetError(f"kernels run on Linux, and this system is {sys.platform}; expected backend numpy")
    forced = os.environ.get(VARIABLE)
    if forced is None:
        return next(target for target in can.values() if integers or target.for_floats)
    if forced not in TARGETS:
        raise UnsupportedTargetError(f"{VARIABLE}: {forced!r} is no target; expected one of {', '.join(TARGETS)}")
    if forced not in can:
        raise UnsupportedTargetError(
            f"{VARIABLE}: this processor cannot execute {forced}; expected one of {', '.join(can)}"
        )
    return can[forced]
