"""
The child's side of a timed runtime: it loads a model, and runs it when its turn comes.

This file needs Python 3.9 and NumPy, and nothing of distilspec, because the interpreters of other environments run it
as well. Requests and answers are tuples over a ``multiprocessing`` connection; arrays travel as dtype, shape and bytes,
because versions of NumPy do not read each other's pickles.

==========================  ====================================================================
("load", source, inputs)    prepare a model for the shapes of these inputs, and run it once
("outputs",)                the outputs, as arrays by their names
("turn", warm, count)       ``warm`` forwards that nobody counts, then seconds of ``count`` forwards
("window", start, stop)     forwards from ``start`` until ``stop`` of the monotonic clock: when each began and ended
("quit",)                   end
==========================  ====================================================================

An answer is ("done", value), or the name of an exception's class and what it says.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np


class Loaded(NamedTuple):
    """
    A model with one batch of inputs.

    ``forward`` runs it as a loop of its user would; ``outputs`` returns what it computes, as arrays by their labels.
    """

    forward: Callable[[], Any]
    outputs: Callable[[], Mapping[str, Any]]


Load = Callable[[str, Mapping[str, Any]], Loaded]


def answer_requests(connection: Connection, load: Load) -> None:
    """Answer until the other side has gone or says that it has no more requests."""
    conversation = _Conversation(load)
    while True:
        try:
            what, *given = connection.recv()
        except EOFError:
            return
        if what == "quit":
            return
        try:
            connection.send(("done", getattr(conversation, what)(*given)))
        except Exception as error:  # noqa: BLE001 - any error of a runtime is an answer
            connection.send((type(error).__name__, " ".join(str(error).split())))


def pack(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return arrays in a form that every version of NumPy reads."""
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in plain.items()}


def unpack(packed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what ``pack`` was given."""
    return {name: np.frombuffer(data, dtype).reshape(shape) for name, (dtype, shape, data) in packed.items()}


class _Conversation:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._loaded: Any = None

    def load(self, source: str, inputs: Mapping[str, Any]) -> None:
        self._loaded = None  # frees the last model before the next one takes memory
        gc.collect()
        self._loaded = self._load(source, unpack(inputs))
        self._loaded.forward()

    def outputs(self) -> Mapping[str, Any]:
        return pack(self._loaded.outputs())

    def turn(self, warm: int, count: int) -> Any:
        forward, clock = self._loaded.forward, time.perf_counter
        for _ in range(warm):
            forward()
        times = [0.0] * count
        gc.disable()
        for number in range(count):
            start = clock()
            forward()
            times[number] = clock() - start
        gc.enable()
        return times

    def window(self, start: float, stop: float) -> Any:
        forward, clock = self._loaded.forward, time.monotonic
        times = []
        while clock() < start:
            forward()
        gc.disable()
        began = clock()
        while began < stop:
            forward()
            ended = clock()
            times.append((began, ended))
            began = ended
        gc.enable()
        return times
