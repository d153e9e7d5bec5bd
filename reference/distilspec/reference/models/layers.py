"""The parts of which every encoder family is made."""

from __future__ import annotations

from typing import Any, TypeAlias

from distilspec.reference.contract.scope import scope
from distilspec.reference.models.config import ACTIVATIONS, EncoderConfig
from distilspec.reference.tracer import Weights

#: Name and shape of every weight of a model or of a part of it.
Shapes: TypeAlias = dict[str, tuple[int, ...]]


def linear(ops: Any, weights: Weights, x: Any) -> Any:
    """Apply the Linear whose weight and bias these are."""
    return ops.linear(x, weights["weight"], weights["bias"])


def layer_norm(ops: Any, weights: Weights, x: Any, *, config: EncoderConfig) -> Any:
    """Apply the LayerNorm whose weight and bias these are."""
    return ops.layer_norm(x, weights["weight"], weights["bias"], epsilon=config.layer_norm_eps)


def activation(ops: Any, x: Any, *, config: EncoderConfig) -> Any:
    """Apply the activation that the config names."""
    return getattr(ops, ACTIVATIONS[config.activation])(x)


def split_heads(ops: Any, x: Any, *, config: EncoderConfig) -> Any:
    """Return [batch, sequence, hidden_size] as [batch, num_heads, sequence, head_dim]."""
    batch, sequence, _ = x.shape
    apart = ops.reshape(x, shape=(batch, sequence, config.num_heads, config.head_dim))
    return ops.transpose(apart, axes=(0, 2, 1, 3))


def join_heads(ops: Any, x: Any, *, config: EncoderConfig) -> Any:
    """Return [batch, num_heads, sequence, head_dim] as [batch, sequence, hidden_size]."""
    batch, _, sequence, _ = x.shape
    together = ops.transpose(x, axes=(0, 2, 1, 3))
    return ops.reshape(together, shape=(batch, sequence, config.hidden_size))


def attention(
    ops: Any, weights: Weights, names: tuple[str, str, str], x: Any, mask: Any, *, config: EncoderConfig
) -> Any:
    """Return the context of every token; ``names`` are those of the query, key and value Linears."""
    heads = []
    for name in names:
        with scope(name):
            heads.append(split_heads(ops, linear(ops, weights.at(name), x), config=config))
    context = ops.scaled_dot_product_attention(*heads, mask, scale=config.head_dim**-0.5)
    return join_heads(ops, context, config=config)


def broadcast_mask(ops: Any, attention_mask: Any) -> Any:
    """Return the mask of [batch, sequence] as [batch, 1, 1, sequence], for every head and query."""
    with scope("attention_mask"):
        return ops.unsqueeze(attention_mask, axes=(1, 2))


def position_embeddings(ops: Any, table: Any, input_ids: Any) -> Any:
    """Return the first rows of the position table, one a token: float [sequence, hidden_size]."""
    _, sequence = input_ids.shape
    return ops.slice(table, axis=0, start=0, stop=sequence)


def linear_shapes(name: str, out_features: int, in_features: int) -> Shapes:
    """Return the shapes of the weights of one Linear."""
    return {f"{name}.weight": (out_features, in_features), f"{name}.bias": (out_features,)}


def layer_norm_shapes(name: str, size: int) -> Shapes:
    """Return the shapes of the weights of one LayerNorm."""
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}
