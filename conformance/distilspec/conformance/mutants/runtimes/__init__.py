"""Whole runtimes with one bug each that no single operator shows."""

from __future__ import annotations

from distilspec.conformance.mutants.planted import RuntimeMutant
from distilspec.conformance.mutants.runtimes import attention_codes, batches, calls, kernels, precision, threads, wiring

__all__ = ["all_runtime_mutants"]


def all_runtime_mutants() -> tuple[RuntimeMutant, ...]:
    """Return every mutant that is a whole runtime."""
    return tuple(
        mutant
        for module in (wiring, precision, kernels, attention_codes, batches, calls, threads)
        for mutant in module.MUTANTS
    )
