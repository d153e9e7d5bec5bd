"""The machine and the packages of a run: what a reader needs before comparing it with a run elsewhere."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

import archspec.cpu
import archspec.cpu.detect

#: Packages that can change a result, or the verdict on it.
PACKAGES = ("numpy", "scipy", "tokenizers", "onnx", "onnxruntime", "torch", "openvino", "ctranslate2", "transformers")

#: Instruction sets by which INT8 and float kernels differ, as the Linux kernel spells them, for each architecture.
INSTRUCTIONS: Mapping[str, tuple[str, ...]] = {
    "x86_64": (
        "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16",
    ),
    "aarch64": ("asimddp", "fphp", "i8mm", "bf16", "sve", "sve2"),
}  # fmt: skip

#: Variables by which users limit the threads of numerical libraries.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Environment:
    """
    Where and when a run took place.

    ``date`` is UTC in the form of ISO 8601. ``instructions`` says of each set of ``INSTRUCTIONS`` whether the processor
    has it, and is empty where the system does not tell. ``cores`` counts the processors that the run may use.
    """

    date: str
    distilspec: str
    cpu: str
    architecture: str
    instructions: Mapping[str, bool]
    cores: int
    system: str
    python: str
    threads: Mapping[str, str]
    packages: Mapping[str, str]


def this_environment() -> Environment:
    """Return the machine, packages and time of this process."""
    architecture = platform.machine()
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        distilspec=_version("distilspec") or "unknown",
        cpu=_cpu(),
        architecture=architecture,
        instructions=_instructions(architecture),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=platform.platform(),
        python=platform.python_version(),
        threads={name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        packages={name: found for name in PACKAGES if (found := _version(name))},
    )


@lru_cache
def _cpu() -> str:
    return archspec.cpu.brand_string() or platform.processor() or "unknown"


@lru_cache
def _instructions(architecture: str) -> Mapping[str, bool]:
    features = archspec.cpu.detect.detected_info().features
    return {name: name in features for name in INSTRUCTIONS.get(architecture, ())} if features else {}


@lru_cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
