"""
The pages of the specification, one an operator, rendered from the docstrings when the documentation is built.

MkDocs calls ``on_files`` (see mkdocs.yml). Run as a script, it renews the table of operators in README.md.
"""

from __future__ import annotations

import ast
import html
import inspect
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from distilspec.reference.clauses import clauses
from distilspec.reference.contract.spec import SPEC_VERSION
from distilspec.reference.ops import OPERATORS

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

README = Path(__file__).resolve().parent.parent / "README.md"
TABLE = re.compile(r"(?<=<!-- operators -->\n).*?(?=<!-- end of operators -->)", re.DOTALL)

_SECTION = re.compile(r"^(.+)\n-+\n", re.MULTILINE)
_DOCUMENT = re.compile(r"docs/((?:decisions|derivations|findings)/[\w./-]+\.md)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every operator, and their index, to the files of the documentation."""
    from mkdocs.structure.files import File

    pages = {name: page(name) for name in OPERATORS}
    pages["index"] = f"# The specification\n\nVersion {SPEC_VERSION}, {len(OPERATORS)} operators.\n\n{table(link=True)}"
    for name, content in pages.items():
        files.append(File.generated(config, f"spec/{name}.md", content=content))
    return files


def table(*, link: bool = False) -> str:
    """Return the table of operators: the number of clauses of each, and its first sentence."""
    rows = ["| operator | clauses | what it does |", "|---|--:|---|"]
    for name, operator in OPERATORS.items():
        shown = f"[`{name}`]({name}.md)" if link else f"`{name}`"
        rows.append(f"| {shown} | {len(clauses(operator))} | {_document(name).splitlines()[0]} |")
    return "\n".join(rows) + "\n"


def page(name: str) -> str:
    """Return the page of one operator: signature, clauses, the other sections of the docstring, and the code."""
    head, *sections = _SECTION.split(_document(name))
    parts = [f"# {name}", _fenced(f"{name}{_signature(name)}", "python"), head.splitlines()[0]]
    parts += ["## Clauses", _clauses(name)]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        parts += [f"## {title}", _section(title, body.strip())]
    parts += ["## Code", _fenced(_code(name), "python")]
    return "\n\n".join(parts) + "\n"


def _document(name: str) -> str:
    return inspect.getdoc(OPERATORS[name]) or ""


def _signature(name: str) -> inspect.Signature:
    signature = inspect.signature(OPERATORS[name])
    parameters = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return signature.replace(parameters=parameters, return_annotation=signature.empty)


def _clauses(name: str) -> str:
    items = (
        f'<dt id="{clause.id}"><code>{clause.id}</code></dt><dd>{html.escape(clause.text)}</dd>'
        for clause in clauses(OPERATORS[name])
    )
    return "<dl>\n" + "\n".join(items) + "\n</dl>"


def _section(title: str, body: str) -> str:
    if title in ("Parameters", "Returns", "Raises"):
        items = re.findall(r"^(\S.*)((?:\n(?: .*)?)*)", body, re.MULTILINE)
        return "\n".join(f"- `{term}` {' '.join(text.split())}" for term, text in items)
    if title == "Examples":
        blocks = re.split(r"\n\n+", body)
        return "\n\n".join(_fenced(block, "pycon") if block.startswith(">>>") else block for block in blocks)
    return _DOCUMENT.sub(r"[\1](../\1)", body)


def _fenced(text: str, language: str) -> str:
    return f"```{language}\n{text}\n```"


def _code(name: str) -> str:
    source = inspect.getsource(OPERATORS[name])
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    return textwrap.dedent("\n".join(source.splitlines()[function.body[1].lineno - 1 :]))


if __name__ == "__main__":
    README.write_text(TABLE.sub(table(), README.read_text("utf-8")), "utf-8")
