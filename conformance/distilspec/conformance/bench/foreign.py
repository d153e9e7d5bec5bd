"""
A runtime of another environment, timed inside its own process: ``python foreign.py CONNECTION RUNTIME.py CPUS``.

``RUNTIME.py`` is a worker of examples/runtimes, which speaks the subprocess protocol. Files and lines of that protocol
would cost as much as a small forward, so here its ``serve`` is replaced, and what it would have served is called.
This file needs nothing of distilspec.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from functools import partial
from multiprocessing.connection import Connection
from typing import Any


def main() -> None:
    """Answer requests over the connection whose file descriptor is the first argument."""
    descriptor, path, processors = sys.argv[1:]
    os.sched_setaffinity(0, set(map(int, processors.split(","))))
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    specification = importlib.util.spec_from_file_location("timed_runtime", path)
    assert specification is not None
    assert specification.loader is not None
    runtime: Any = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(runtime)
    runtime.survivors = lambda *_: []  # finding what can be shown takes many compilations, and nothing is shown here
    runtime.serve = partial(_time, Connection(int(descriptor)))
    runtime.main()


def _time(connection: Connection, capabilities: Mapping[str, Any], *, load: Any, run: Any) -> None:
    from conversation import Loaded, answer_requests  # type: ignore[import-not-found] # the file beside this one

    def loaded(source: str, inputs: Mapping[str, Any]) -> Loaded:
        path, *labels = source.split("\n")
        load(path)
        forward = partial(run, {name: _written(array) for name, array in inputs.items()}, labels)
        return Loaded(forward, forward)

    connection.send(("done", str(capabilities["version"])))
    answer_requests(connection, loaded)


def _written(array: Any) -> Any:
    return array.astype("int64") if array.dtype == bool else array


if __name__ == "__main__":
    main()
