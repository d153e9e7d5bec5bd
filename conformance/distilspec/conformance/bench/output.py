"""What a benchmark found as tables, JSON or Markdown; imported before anything is timed, so that no hour is lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from distilspec.conformance.bench.markdown import as_markdown
from distilspec.conformance.bench.picture import draw
from distilspec.conformance.bench.rows import Report, document
from distilspec.conformance.bench.serving import Serving, as_json, print_served
from distilspec.conformance.bench.table import print_report

#: Characters of a line of the tables; a narrower terminal wraps lines, where tables would lose cells.
WIDTH = 130


def show_results(
    results: Sequence[Report | Serving], as_json_text: bool, as_markdown_text: bool, picture: Path | None
) -> None:
    """Print results as JSON, which is one result, as Markdown or as tables, and draw the picture."""
    if as_markdown_text:
        print(as_markdown(results), end="")
    else:
        console = Console(width=max(WIDTH, Console().width))
        for one in results:
            if as_json_text:
                made = document(one) if isinstance(one, Report) else as_json(one)
                print(json.dumps(made, indent=1, allow_nan=False))
            elif isinstance(one, Report):
                print_report(one, console)
            else:
                print_served(one, console)
    if picture is not None:
        draw([one for one in results if isinstance(one, Report)], picture)
