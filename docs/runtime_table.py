"""The table of docs/runtimes.md: what each adapter declares. Run as a script, it renews the table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from distilspec.conformance.runtimes import RUNTIMES, find_runtime
from distilspec.reference.contract.recipes import Recipe

PAGE = Path(__file__).resolve().parent / "runtimes.md"
TABLE = re.compile(r"(?<=<!-- recipes -->\n).*?(?=<!-- end of recipes -->)", re.DOTALL)

#: The options under which an adapter declares something else than without any.
VARIANTS = {"fast": ({}, {"backend": "numpy"}), "torch": ({}, {"mode": "inductor"}, {"mode": "dynamic"})}


def table() -> str:
    """Return the rows of every runtime and set of options: how each recipe is carried out, or that it is not."""
    rows = ["| runtime | takes | recipe | carried out by |", "|---|---|---|---|"]
    for name in RUNTIMES:
        for options in VARIANTS.get(name, ({},)):
            runtime = find_runtime(name, options)
            shown = " ".join([f"`{name}`", *(f"`--option {key}={value}`" for key, value in options.items())])
            takes = ", ".join(runtime.granularity)
            for mode, recipes in _by_mode(runtime.recipes).items():
                rows.append(f"| {shown} | {takes} | {', '.join(f'`{recipe}`' for recipe in recipes)} | {mode} |")
                shown = takes = ""
    return "\n".join(rows) + "\n"


def _by_mode(recipes: Mapping[Recipe, str]) -> dict[str, list[Recipe]]:
    modes: dict[str, list[Recipe]] = {}
    for recipe in Recipe:
        modes.setdefault(recipes.get(recipe, "UNSUPPORTED"), []).append(recipe)
    return modes


if __name__ == "__main__":
    PAGE.write_text(TABLE.sub(lambda _: table(), PAGE.read_text("utf-8")), "utf-8")
