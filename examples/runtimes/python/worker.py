"""
Speak the subprocess protocol of distilspec (docs/protocol.md) from Python.

Copy this file beside your own. It needs Python 3.8 and NumPy 1.20 or later, and not distilspec, so that it runs in the
environment of any runtime.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


class Unsupported(Exception):
    """Raise this for what your runtime does not do; any other exception is an error of it."""


def serve(
    capabilities: Mapping[str, Any],
    *,
    apply: Callable[..., Any] | None = None,
    load: Callable[..., Any] | None = None,
    run: Callable[..., Any] | None = None,
) -> None:
    """
    Say what the runtime can do, and answer requests until there are no more.

    What anything else prints on standard output goes to standard error, where it cannot disturb the protocol.

    Parameters
    ----------
    capabilities : mapping
        The first line of the protocol, without ``protocol``.
    apply : callable, optional
        ``apply(op, operands, attributes, outputs)`` returns the results of an operator by the names in ``outputs``.
        Operands are arrays by name, without those that are absent.
    load : callable, optional
        ``load(path)`` takes a program, and may return a list of the tensors that can be shown.
    run : callable, optional
        ``run(inputs, outputs)`` returns the tensors ``outputs`` of the program that was loaded last, by their names.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(line: Mapping[str, Any]) -> None:
        out.write(json.dumps(line).encode() + b"\n")
        out.flush()

    say({"protocol": 1, **capabilities})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if request["do"] == "quit":
            return
        try:
            if request["do"] == "apply" and apply is not None:
                results = apply(request["op"], _read(request), _attributes(request), request["outputs"])
                answer = _write(request["folder"], results)
            elif request["do"] == "load" and load is not None:
                survivors = load(os.path.join(request["folder"], request["file"]))
                answer = {} if survivors is None else {"survivors": survivors}
            elif request["do"] == "run" and run is not None:
                answer = _write(request["folder"], run(_read(request), request["outputs"]))
            else:
                raise Unsupported(request["do"])
            say({"id": request["id"], "status": "ok", **answer})
        except Unsupported as reason:
            say({"id": request["id"], "status": "unsupported", "detail": str(reason)})
        except Exception as error:  # noqa: BLE001 - the host is told, and goes on
            say({"id": request["id"], "status": "error", "detail": f"{type(error).__name__}: {error}"})


def _attributes(request: Mapping[str, Any]) -> dict[str, Any]:
    start = len("attribute.")
    return {key[start:]: value for key, value in request.items() if key.startswith("attribute.")}


def _read(request: Mapping[str, Any]) -> dict[str, np.ndarray]:
    tensors = {}
    for name in request["inputs"]:
        dtype = np.dtype(request[f"input.{name}.dtype"])
        path = os.path.join(request["folder"], request[f"input.{name}.file"])
        native = np.fromfile(path, dtype.newbyteorder("<")).astype(dtype)  # some libraries refuse '<i8' for 'int64'
        tensors[name] = native.reshape(request[f"input.{name}.shape"])
    return tensors


def _write(folder: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for index, (name, tensor) in enumerate(tensors.items()):
        array = np.asarray(tensor)
        array.astype(array.dtype.newbyteorder("<"), copy=False).tofile(os.path.join(folder, f"output{index}"))
        answer[f"output.{name}.dtype"] = array.dtype.name
        answer[f"output.{name}.shape"] = list(array.shape)
        answer[f"output.{name}.file"] = f"output{index}"
    return answer
