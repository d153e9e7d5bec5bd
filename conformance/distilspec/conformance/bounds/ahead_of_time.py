"""The operators that prepare a program and that no runtime runs: ranges, pruning and packing leave no freedom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from distilspec.conformance.bounds.bounded import Bounded, Operand, decided
from distilspec.reference import ops as reference


def _exact(operator: Callable[..., Any]) -> Callable[..., Any]:
    name = operator.__name__

    def evaluate(*operands: Operand, **attributes: Any) -> Any:
        arrays = [decided(name, f"operand {index}", operand) for index, operand in enumerate(operands)]
        made = operator(*arrays, **attributes)
        fields: tuple[str, ...] = getattr(made, "_fields", ())
        return (
            made._replace(**{field: Bounded.exact(getattr(made, field)) for field in fields})
            if fields
            else Bounded.exact(made)
        )

    evaluate.__name__ = name
    evaluate.__doc__ = f"Return ``{name}`` of exact operands without error."
    return evaluate


block_magnitude_mask = _exact(reference.block_magnitude_mask)
mean_sigma_range = _exact(reference.mean_sigma_range)
minmax_range = _exact(reference.minmax_range)
pack_block_sparse = _exact(reference.pack_block_sparse)
percentile_range = _exact(reference.percentile_range)
unpack_block_sparse = _exact(reference.unpack_block_sparse)
