"""
How each operator is written in ONNX: one function an operator, with the operator's own parameters.

>>> sorted(set(OPERATORS) - set(FORMS))
['block_magnitude_mask', 'mean_sigma_range', 'minmax_range', 'pack_block_sparse', 'percentile_range']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from distilspec.reference.formats.onnx_forms import elementwise, layout, neural, quantised, reduction, sparse
from distilspec.reference.ops import OPERATORS

#: Every operator that can be written, by the name that programs use. The missing ones prepare weights or calibrate:
#: they are done before a model is written.
FORMS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        name: form
        for room in (elementwise, layout, neural, quantised, reduction, sparse)
        for name, form in vars(room).items()
        if name in OPERATORS and callable(form)
    }
)

__all__ = ["FORMS"]
