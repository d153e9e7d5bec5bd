"""Cases of whole programs: a tiny BERT under every recipe, and a tiny DistilBERT; made by the reference itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np

from distilspec.conformance.goldens.build import boolean, i64, pattern
from distilspec.conformance.goldens.case import PROGRAM, Expected, GoldenCase
from distilspec.reference import ops
from distilspec.reference.contract.recipes import Recipe
from distilspec.reference.contract.types import Array
from distilspec.reference.models import BertConfig, Config, DistilBertConfig, build_program, weight_shapes
from distilspec.reference.program import Program
from distilspec.reference.recipes import apply_recipe, calibrate, prune

_BERT = BertConfig(
    vocab_size=16, hidden_size=8, num_layers=2, num_heads=2, intermediate_size=16, max_positions=8, num_labels=3
)
_DISTILBERT = DistilBertConfig(
    vocab_size=16, hidden_size=8, num_layers=1, num_heads=2, intermediate_size=16, max_positions=8
)

_INPUTS: Mapping[str, Array] = {
    "input_ids": i64([[1, 5, 3, 15, 2, 0], [1, 9, 2, 0, 0, 0]]),
    "attention_mask": boolean([[True] * 5 + [False], [True] * 3 + [False] * 3]),
    "token_type_ids": i64([[0, 0, 0, 1, 1, 0], [0, 1, 1, 0, 0, 0]]),
}


def cases() -> Iterator[GoldenCase]:
    """Yield one case a program, with two sequences of different length."""
    for path, program in programs().items():
        inputs = {name: _INPUTS[name] for name in program.inputs}
        results = program.run(ops, inputs)
        yield GoldenCase(
            id=f"{PROGRAM}-{path.removeprefix('programs/').replace('_', '-')}",
            operator=PROGRAM,
            clauses=(),
            origin="reference",
            inputs=inputs,
            expected=tuple(Expected(label, _steady(value), "bound") for label, value in results.items()),
            notes=f"A {program.name} of {len(program.steps)} steps; says whether a change of the code changed numbers.",
            recipe=program.recipe,
            program=path,
        )


@cache
def programs() -> Mapping[str, Program]:
    """Return every program by its folder."""
    bert = _program(_BERT, "sentence-embedding")
    sparse = prune(bert, sparsity=0.5, block_shape=(4, 1))
    made = {f"programs/bert_{recipe.replace('-', '_')}": _quantized(bert, recipe) for recipe in Recipe}
    return made | {
        "programs/bert_sparse_fp32": sparse,
        "programs/bert_sparse_w8a8_static": _quantized(sparse, Recipe.W8A8_STATIC),
        "programs/distilbert_fp32": _program(_DISTILBERT, "question-answering"),
    }


def _program(config: Config, head: str) -> Program:
    weights = {}
    for seed, (name, shape) in enumerate(weight_shapes(config, head).items()):
        noise = pattern(shape, seed, -96, 96) / 128
        weights[name] = (1 + noise / 8 if "LayerNorm.weight" in name else noise).astype(np.float32)
    return build_program(config, head, weights)


def _quantized(program: Program, recipe: Recipe) -> Program:
    ranges = calibrate(program, [_INPUTS], recipe=recipe) if recipe.is_calibrated else None
    return apply_recipe(program, recipe, calibration=ranges)


def _steady(value: Array) -> Array:
    """Round to float32, so that machines whose sums take another order make the same file."""
    return value.astype(np.float32).astype(np.float64)
