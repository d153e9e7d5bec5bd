"""The ``distilspec`` command: parses nothing itself, collects the subcommands, and turns errors into one line."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

from distilspec.conformance.commands.bench import bench
from distilspec.conformance.commands.check import check
from distilspec.conformance.commands.compare import compare
from distilspec.conformance.commands.goldens import goldens
from distilspec.conformance.commands.locate import locate
from distilspec.conformance.commands.mutants import mutants
from distilspec.conformance.commands.profile import profile
from distilspec.conformance.commands.replay import replay
from distilspec.conformance.commands.run import run
from distilspec.conformance.commands.spec import spec
from distilspec.reference.contract.errors import ContractError

UNUSABLE_INPUT = 2

app = typer.Typer(
    name="distilspec",
    help="The executable specification of compressed-Transformer numerics, and the suite that judges runtimes by it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(check)
app.command()(locate)
app.command()(replay)
app.command()(compare)
app.command()(mutants)
app.command()(run)
app.command()(bench)
app.command()(profile)
app.command()(spec)
app.add_typer(goldens, name="goldens")
for command in entry_points(group="distilspec.commands"):
    app.command(command.name)(command.load())


def main() -> None:
    """Run the command; input that cannot be used ends it with one line on standard error and exit status 2."""
    try:
        app()
    except ContractError as error:
        print(f"distilspec: {error}", file=sys.stderr)
        raise SystemExit(UNUSABLE_INPUT) from None
    except OSError as error:
        print(f"distilspec: {error.strerror or error}: {error.filename or ''}".rstrip(": "), file=sys.stderr)
        raise SystemExit(UNUSABLE_INPUT) from None
