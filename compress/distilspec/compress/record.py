"""What a run leaves behind while it works: a log for programs, a progress bar for people, and whole files only."""

from __future__ import annotations

import json
import os
import resource
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import FileIO
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from distilspec.reference.contract.errors import FormatError

#: So often a loop says how far it is where standard error is no terminal.
LINES = 20


class Advance(Protocol):
    """What is called once a turn of a loop."""

    def __call__(self, note: str = "") -> None:
        """Say that a turn is done, and what there is to say about it, such as a loss."""


class Voice(Console):
    """Standard error for people: a full disk or a closed pipe behind it ends no training."""

    def __init__(self) -> None:
        """Find out whether standard error is a terminal."""
        super().__init__(stderr=True)

    def say(self, line: str) -> None:
        """Print a line, if the system takes it."""
        with suppress(OSError):
            self.print(line, highlight=False, markup=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Say nothing from now on, because nobody reads it; rich would end the process."""
        self.quiet = True


class Record:
    """
    A log of one JSON object a line, and how far a loop is: a bar where standard error is a terminal, else lines.

    A run that goes on from a checkpoint appends; steps that were taken after the checkpoint then stand there twice.
    """

    def __init__(self, path: Path) -> None:
        """Append to the file at ``path``."""
        self.path = path
        self.console = Voice()
        self._bars: Progress | None = None

    def event(self, stage: str, event: str, **fields: Any) -> None:
        """Write a line with the seconds since 1970, stage, event and fields; ``FormatError`` if the disk is full."""
        line = json.dumps({"time": round(time.time(), 3), "stage": stage, "event": event, **fields}).encode() + b"\n"
        try:
            with self.path.open("a+b", buffering=0) as file:
                end = self._take_unfinished(file)
                written = file.write(line)
                if written < len(line):
                    file.truncate(end)
                    raise OSError(f"{written} of {len(line)} bytes could be written")
        except OSError as error:
            raise FormatError(f"{self.path}: {error}; expected that the log can be written") from None

    def _take_unfinished(self, file: FileIO) -> int:
        """Take away a last line that a kill has cut off, say so, and return the length of the file."""
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - 1))
        if file.read() in (b"", b"\n"):
            return end
        file.seek(0)
        end = file.read().rfind(b"\n") + 1
        file.truncate(end)
        self.say(f"{self.path}: the last line was cut off in the middle; it is taken away")
        return end

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Log begin and end of a stage, with its seconds, its processor's seconds and the process's largest memory."""
        self.event(name, "begin")
        begin, used = time.perf_counter(), time.process_time()
        yield
        cost = {
            "seconds": round(time.perf_counter() - begin, 2),
            "cpu_seconds": round(time.process_time() - used, 2),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        self.event(name, "end", **cost)
        self.say(f"{name}: {cost['seconds']:.1f} s, peak memory {cost['peak_mib']} MiB")

    @contextmanager
    def progress(self, title: str, total: int, done: int = 0, *, every: int | None = None) -> Iterator[Advance]:
        """
        Show how far a loop is, and about how long it still takes; the given function is called once a turn.

        That is a bar on a terminal. Elsewhere a line is printed after every so many turns, by default ``LINES`` of them
        in all, with what the last turn had to say.
        """
        if not self.console.is_terminal:
            yield self._told(title, total, done, every or max(1, total // LINES))
            return
        with self._shown_bars() as bars:
            task = bars.add_task(title, total=total, completed=done, note="")
            yield lambda note="": bars.update(task, advance=1, note=note)

    @contextmanager
    def _shown_bars(self) -> Iterator[Progress]:
        """Give the bars of the console, of which there can be one group alone: a loop in a loop is a line below it."""
        if self._bars is not None:
            yield self._bars
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as self._bars:
            try:
                yield self._bars
            finally:
                self._bars = None

    def _told(self, title: str, total: int, done: int, every: int) -> Advance:
        begin, turns = time.perf_counter(), count(done + 1)

        def advance(note: str = "") -> None:
            turn = next(turns)
            if turn % every == 0:
                left = (time.perf_counter() - begin) / (turn - done) * (total - turn)
                told = f", {note}" if note else ""
                self.say(f"  {title}: step {turn} of {total}{told}, {timedelta(seconds=round(left))} left")

        return advance

    def say(self, line: str) -> None:
        """Print a line for people, if the system takes it."""
        self.console.say(line)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file that is there completely or not at all; ``FormatError`` if the system refuses."""
    write_whole(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """
    Write a file that is there completely or not at all.

    Raises
    ------
    FormatError
        The system refuses to write.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise FormatError(f"{path}: {error}; expected that the file can be written") from None
    finally:
        temporary.unlink(missing_ok=True)
