"""A model small enough to read in full that has every shape a step can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from distilspec.reference.contract.scope import scope
from distilspec.reference.contract.types import Array, TensorSpec
from distilspec.reference.program import Program
from distilspec.reference.tracer import trace

POSITIONS = 9

INPUTS = {
    "input_ids": TensorSpec("int64", ("batch", "sequence")),
    "attention_mask": TensorSpec("bool", ("batch", "sequence")),
}


def tiny(ops: Any, weights: Mapping[str, Any], input_ids: Any, attention_mask: Any) -> Mapping[str, Any]:
    """Embed, quantise, project and attend: several results, an absent operand, sizes in attributes, a shared weight."""
    batch, sequence = input_ids.shape
    words = ops.embedding(input_ids, weights["embeddings.word.weight"])
    positions = ops.slice(weights["embeddings.position.weight"], axis=0, start=0, stop=sequence)
    with scope("embeddings"):
        x = ops.add(words, positions)
    with scope("layer"), scope(tag="encoder"):
        codes, scale, zero_point = ops.dynamic_quantize(x)
        query = ops.linear(ops.dequantize(codes, scale, zero_point), weights["layer.query.weight"])
        apart = ops.reshape(query, shape=(batch, sequence, 2, 2))
        heads = ops.transpose(apart, axes=(0, 2, 1, 3))
        mask = ops.unsqueeze(attention_mask, axes=(1, 2))
        context = ops.scaled_dot_product_attention(heads, heads, heads, mask, scale=0.5)
        unmasked = ops.scaled_dot_product_attention(heads, heads, heads, None, scale=0.5)
    both = ops.concat(context, unmasked, axis=-1)
    joined = ops.reshape(ops.transpose(both, axes=(0, 2, 1, 3)), shape=(batch, sequence, 8))
    logits = ops.linear(ops.slice(joined, axis=-1, start=-4, stop=None), weights["decoder.weight"])
    return {"logits": logits, "codes": codes}


def weights() -> dict[str, Array]:
    """Return the weights; the decoder's is the table of words itself."""
    generator = np.random.default_rng(0)
    shapes = (5, 4), (POSITIONS, 4), (4, 4)
    words, positions, query = (generator.standard_normal(shape, np.float32) for shape in shapes)
    return {
        "embeddings.word.weight": words,
        "embeddings.position.weight": positions,
        "layer.query.weight": query,
        "decoder.weight": words,
    }


def program() -> Program:
    """Return the model as a program."""
    return trace("tiny", tiny, INPUTS, weights())


@st.composite
def inputs(draw: st.DrawFn) -> dict[str, Array]:
    """Draw ids and a mask of any size that the table of positions allows."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([0, 1, 2, 3])), draw(st.sampled_from([0, 1, 2, 7, POSITIONS]))
    return {"input_ids": generator.integers(0, 5, shape), "attention_mask": generator.random(shape) < 0.7}
