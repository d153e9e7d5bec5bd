"""Adapters: what stands between the suite and the runtimes that it judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from distilspec.conformance.runtimes.adapter import Executable, Runtime, RuntimeMissingError
from distilspec.reference.contract.errors import UnsupportedError

#: What a user types before the command of a program that speaks the subprocess protocol.
EXEC = "exec:"

#: Every runtime by the name that users type; its adapter is the module of that name, with _ for -.
RUNTIMES = ("reference", "fast", "torch", "onnxruntime", "openvino", "onnx-reference", "ctranslate2")

__all__ = ["RUNTIMES", "Executable", "Runtime", "RuntimeMissingError", "find_runtime"]


def find_runtime(name: str, options: Mapping[str, str] | None = None) -> Runtime:
    """
    Return the runtime of this name; its package is imported now, or its command started.

    Raises
    ------
    UnsupportedError
        There is no adapter of this name.
    RuntimeMissingError
        The runtime's package is not installed, or there is no such command.
    RuntimeCrashError, RuntimeHangError, ProtocolError
        A command does not say what it can do.
    RangeError
        An option does not exist or has an unknown value.

    Examples
    --------
    >>> find_runtime("reference").supports("softmax")
    True
    >>> find_runtime("tensorflow")
    Traceback (most recent call last):
    distilspec.reference.contract.errors.UnsupportedError: runtime tensorflow: no adapter has this name; \
expected one of reference, fast, torch, onnxruntime, openvino, onnx-reference, ctranslate2, exec:COMMAND
    """
    if name.startswith(EXEC):
        from distilspec.conformance.runtimes.exec import ExecRuntime

        return ExecRuntime(name.removeprefix(EXEC), options or {})
    if name not in RUNTIMES:
        known = ", ".join((*RUNTIMES, f"{EXEC}COMMAND"))
        raise UnsupportedError(f"runtime {name}: no adapter has this name; expected one of {known}")
    try:
        adapter = import_module(f"distilspec.conformance.runtimes.{name.replace('-', '_')}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("distilspec"):
            raise
        raise RuntimeMissingError(
            f"runtime {name}: package {error.name} is not installed; expected it from pip install 'distilspec[{name}]'"
        ) from None
    create: Callable[[Mapping[str, str]], Runtime] = adapter.create
    return create(options or {})
