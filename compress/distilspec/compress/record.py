"""What a run leaves behind while it works: a log for programs, a progress bar for people, and whole files only."""

from __future__ import annotations

import json
import os
import resource
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from distilspec.reference.contract.errors import FormatError


class Record:
    """
    A log of one JSON object a line, and a progress bar where standard error is a terminal.

    A run that goes on from a checkpoint appends; steps that were taken after the checkpoint then stand there twice.
    """

    def __init__(self, path: Path) -> None:
        """Append to the file at ``path``."""
        self.path = path
        self.console = Console(stderr=True)

    def event(self, stage: str, event: str, **fields: Any) -> None:
        """Write a line with the seconds since 1970, stage, event and fields; ``FormatError`` if the disk is full."""
        line = json.dumps({"time": round(time.time(), 3), "stage": stage, "event": event, **fields})
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise FormatError(f"{self.path}: {error}; expected that the log can be written") from None

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
    def progress(self, title: str, total: int, done: int = 0) -> Iterator[Callable[[], None]]:
        """Show how far a loop is, and about how long it still takes; the given function is called once a turn."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(title, total=total, completed=done)
            yield lambda: bar.advance(task)

    def say(self, line: str) -> None:
        """Print a line for people."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)


def write_json(path: Path, value: Any) -> None:
    """
    Write a JSON file that is there completely or not at all.

    Raises
    ------
    FormatError
        The system refuses to write.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise FormatError(f"{path}: {error}; expected that the file can be written") from None
    finally:
        temporary.unlink(missing_ok=True)
