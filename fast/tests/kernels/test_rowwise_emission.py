"""The kernels that treat tokens one by one can be emitted for targets that are not at hand; the others run in tests."""

from __future__ import annotations

import pytest

from distilspec.fast.codegen.compile import assembly
from distilspec.fast.codegen.verify import verify
from distilspec.fast.isa import TARGETS, executable_targets
from distilspec.fast.kernels.activations import ACTIVATIONS
from distilspec.fast.kernels.cls_pool import cls_pool
from distilspec.fast.kernels.codes import Layout
from distilspec.fast.kernels.elementwise import OF_TWO, elementwise
from distilspec.fast.kernels.embed import embed
from distilspec.fast.kernels.l2_normalize import l2_normalize
from distilspec.fast.kernels.layer_norm import layer_norm
from distilspec.fast.kernels.mean_pool import mean_pool
from distilspec.fast.kernels.quantize import quantize
from distilspec.fast.kernels.tensor_range import tensor_range, tensor_scale
from distilspec.fast.kernels.token_range import token_range
from distilspec.fast.kernels.untile import untile

ALONE = [cls_pool, l2_normalize, mean_pool, tensor_range, tensor_scale, token_range, untile]
VARIANTS = [
    *((quantize, layout) for layout in Layout),
    *((layer_norm, layout) for layout in (None, *Layout)),
    *((elementwise, name) for name in (*ACTIVATIONS, *OF_TWO)),
    *((embed, order) for order in (("word",), ("word", "type", "position"))),
]

ELSEWHERE = [target for target in TARGETS.values() if target not in executable_targets()]


def kernels(target):
    """Return every kernel, in one variant of each kind."""
    return [function_of(target) for function_of in ALONE] + [
        function_of(target, variant) for function_of, variant in VARIANTS
    ]


@pytest.mark.parametrize("target", ELSEWHERE, ids=lambda target: target.name)
def test_every_target_gets_every_kernel(target):
    """Under a name of its own, in one module."""
    functions = kernels(target)
    for function in functions:
        verify(function)

    text = assembly(functions, target)

    assert all(f"{function.name}:" in text for function in functions)
    assert len({function.name for function in functions}) == len(functions)


def test_units_of_work_come_last():
    """The parameters of every kernel end in first and last, after pointers, other integers and floats."""
    for function in kernels(TARGETS["portable"]):
        names = [parameter.name for parameter in function.parameters]
        kinds = [str(parameter.type) for parameter in function.parameters[:-2]]

        assert names[-2:] == ["first", "last"]
        assert kinds == sorted(kinds, key=["ptr", "i64", "f32"].index)
