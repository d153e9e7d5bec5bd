"""Correct runtimes that compute in other ways than the reference: the suite must not reject one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from distilspec.conformance.mutants.planted import Load, Stepwise, Variant, opaque, showing
from distilspec.conformance.mutants.variants import arithmetic, forms, sums
from distilspec.conformance.mutants.variants.float32 import Arithmetic, Float32Operators, fused
from distilspec.reference import ops
from distilspec.reference.program import Program

__all__ = ["all_variants"]


def all_variants() -> tuple[Variant, ...]:
    """Return every correct variant."""
    return VARIANTS


def _on(namespace: Any) -> Load:
    return lambda program: Stepwise(program, namespace)


def _by(**choices: Any) -> Load:
    return _on(Float32Operators(Arithmetic(**choices)))


def _on_threads(threads: int) -> Load:
    return _by(total=sums.in_lanes(threads))


def _ends_a_block(program: Program, name: str) -> bool:
    maker = program.maker(name)
    return maker is not None and maker.op in ("layer_norm", "embedding")


def _of_a_fused_kernel(program: Program, name: str) -> bool:
    maker = program.maker(name)
    return maker is not None and maker.op not in ("add", "gelu", "relu", "reshape", "transpose")


#: An error of almost the 8 ulp that a transcendental function may have.
ULPS = 7.0

VARIANTS = (
    Variant("float64, rounded at every step", _on(ops)),
    Variant("float64 throughout, only the outputs shown", forms.Float64),
    Variant("float32, sums from the first term", _by()),
    Variant("float32, sums from the last term", _by(total=sums.right_to_left)),
    Variant("float32, pairwise sums", _by(total=sums.pairwise)),
    Variant("float32, sums in 8 lanes", _by(total=sums.in_lanes(8))),
    Variant("float32, sums in blocks of 8", _by(total=sums.in_blocks(8))),
    Variant("float32, sums in blocks of 16", _by(total=sums.in_blocks(16))),
    Variant("float32, sums in blocks of 64", _by(total=sums.in_blocks(64))),
    Variant("float32, compensated sums", _by(total=sums.compensated)),
    Variant("float32 products, sums in float64", _by(total=sums.in_float64)),
    Variant("float32, fused multiply and add", _by(dot=fused)),
    Variant("float32, products by BLAS", _by(dot=lambda a, b: a @ np.swapaxes(b, -1, -2))),
    Variant("subnormal numbers are flushed to zero", _on(forms.Flushing())),
    Variant("codes by multiplying with the reciprocal of the scale", _by(quotient=arithmetic.times_reciprocal)),
    Variant("scales may be subnormal", _by(smallest_scale=float(np.finfo(np.float32).smallest_subnormal))),
    Variant("exp as a power of two", _by(exp=arithmetic.exp_by_exp2)),
    Variant(
        f"exp, erf and tanh are {ULPS:g} ulp too large",
        _by(
            exp=arithmetic.off_by(np.exp, ULPS),
            erf=arithmetic.off_by(special.erf, ULPS),
            tanh=arithmetic.off_by(np.tanh, ULPS),
        ),
    ),
    Variant(
        f"exp, erf and tanh are {ULPS:g} ulp too small",
        _by(
            exp=arithmetic.off_by(np.exp, -ULPS),
            erf=arithmetic.off_by(special.erf, -ULPS),
            tanh=arithmetic.off_by(np.tanh, -ULPS),
        ),
    ),
    Variant("GELU by the complementary error function", _by(gate=arithmetic.complement)),
    Variant("LayerNorm by a running mean and variance", _by(moments=arithmetic.running)),
    Variant("softmax with a running maximum", _by(exponentials=arithmetic.with_a_running_maximum)),
    Variant("attention with half of the scale on each side", _on(forms.HalvedScale())),
    Variant("int32 sums in blocks of 16 terms", _by(accumulate=arithmetic.in_blocks_of(16))),
    Variant("the zero point is taken out of the sum", _on(forms.ZeroPointAfterTheSum())),
    Variant("stored blocks alone, one after the other", _by(unpacked_blocks=False)),
    Variant("one scale after the other", _by(epilogue=arithmetic.one_scale_after_the_other)),
    Variant("the epilogue is fused", _by(epilogue=arithmetic.fused_epilogue)),
    Variant("the epilogue is in float64", _by(epilogue=arithmetic.epilogue_in_float64)),
    Variant("ids in 32 bits", _on(forms.ShortIds())),
    Variant("results are read-only and not contiguous", forms.InFortranOrder),
    Variant("the rows of a batch are sorted by length", forms.SortedByLength),
    Variant("one row of the batch after the other", lambda program: forms.RowByRow(program, drop_padding=False)),
    Variant("padding is dropped", lambda program: forms.RowByRow(program, drop_padding=True)),
    Variant("nothing but the outputs is shown", opaque(_by(total=sums.in_lanes(8)))),
    Variant("fused kernels hide what is inside", showing(_by(total=sums.in_lanes(8)), _of_a_fused_kernel)),
    Variant("only the ends of blocks are shown", showing(_by(total=sums.pairwise), _ends_a_block)),
    Variant("the number of threads changes the order of sums", _on_threads(1), _on_threads),
)
