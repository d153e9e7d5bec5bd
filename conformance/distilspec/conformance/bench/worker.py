"""The process of one runtime: ``python -m ...bench.worker CONNECTION LOADER PROCESSORS THREADS OPTIONS``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any


def main() -> None:
    """Answer requests over the connection whose file descriptor is the first argument."""
    descriptor, loader, processors, threads, options = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):  # first of all: threads that libraries start inherit it
        os.sched_setaffinity(0, set(map(int, processors.split(","))))
    from distilspec.conformance.bench.conversation import Loaded, answer_requests
    from distilspec.conformance.bench.loaders import LOADERS

    connection = Connection(int(descriptor))
    connection.send(("done", ""))

    def load(source: str, inputs: Mapping[str, Any]) -> Loaded:
        return LOADERS[loader](source, inputs, int(threads), json.loads(options))

    answer_requests(connection, load)


if __name__ == "__main__":
    main()
