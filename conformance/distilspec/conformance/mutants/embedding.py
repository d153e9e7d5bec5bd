"""Wrong ways to carry out ``embedding``."""

from __future__ import annotations

import numpy as np

from distilspec.conformance.mutants.arithmetic import to_float16
from distilspec.conformance.mutants.mutant import Mutant
from distilspec.reference import ops
from distilspec.reference.contract.types import Array, Float64Array, RealArray


def _padding_row(input_ids: Array, weight: RealArray) -> Float64Array:
    return np.where(input_ids[..., np.newaxis] == 0, 0.0, ops.embedding(input_ids, weight))


def _off_by_one(input_ids: Array, weight: RealArray) -> Float64Array:
    return ops.embedding((input_ids + 1) % len(weight), weight)


MUTANTS = (
    Mutant("row 0 gives zeros", "embedding", ("EMB-S1",), _padding_row),
    Mutant("the row after that of the id", "embedding", ("EMB-S1",), _off_by_one),
    Mutant("the table is held in float16", "embedding", ("EMB-S1",), to_float16(ops.embedding)),
)
