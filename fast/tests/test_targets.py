"""The bits of a program do not depend on the instructions: every recipe and form, on every target at hand."""

from __future__ import annotations

import pytest
from small_models import inputs, small_program

from distilspec.fast import Engine
from distilspec.fast.isa import executable_targets
from distilspec.fast.isa.host import VARIABLE
from distilspec.reference.contract.recipes import Recipe

BLOCKS = [(4, 1), (4, 4), (16, 4)]

#: Every recipe dense and in blocks of one column; the static ones in other blocks too, which have kernels of their own.
FORMS = [
    *((recipe, block_shape) for recipe in Recipe for block_shape in (None, BLOCKS[0])),
    *((recipe, block_shape) for recipe in (Recipe.W8A8_STATIC, Recipe.W7A8_STATIC) for block_shape in BLOCKS[1:]),
]

#: Those that every run of the tests has: attention of codes, and scales found on the way.
QUICK = [
    (Recipe.W8A8_STATIC_ATTN, None),
    (Recipe.W8A8_DYNAMIC_TOKEN, BLOCKS[0]),
]


@pytest.mark.parametrize(
    ("recipe", "block_shape"),
    [pytest.param(*form, marks=[] if form in QUICK else pytest.mark.slow) for form in FORMS],
    ids=str,
)
def test_every_target_gives_the_same_bits(recipe, block_shape, monkeypatch):
    """Tiles of 8 to 64 tokens, squares of sums, codes of 8 and of 16 bits; more tokens than a tile, and fewer."""
    sparse = {"sparsity": 0.6, "block_shape": block_shape, "shape": "blocks"}
    form = sparse if block_shape else {"shape": "squares"}
    program = small_program(recipe, family="bert", head="sequence-classification", **form)
    batches = [inputs(program, 2, 33), inputs(program, 3, 5)]
    bits = {}
    for target in executable_targets():
        monkeypatch.setenv(VARIABLE, target.name)
        with Engine(program, backend="native") as engine:
            assert engine._backend._target is target
            bits[target.name] = [array.tobytes() for batch in batches for array in engine.run(batch).values()]

    assert len({tuple(each) for each in bits.values()}) == 1, bits
