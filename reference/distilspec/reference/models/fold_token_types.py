"""A BERT whose token-type row is folded into its position table is a DistilBERT."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distilspec.reference.arith import real
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.contract.types import Array
from distilspec.reference.models.config import BertConfig, DistilBertConfig

_LAYER_PARTS = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
_HEAD_PARTS = {
    "cls.predictions.transform.dense": "vocab_transform",
    "cls.predictions.transform.LayerNorm": "vocab_layer_norm",
    "cls.predictions.decoder": "vocab_projector",
}
_DROPPED = ("embeddings.token_type_embeddings.weight", "pooler.dense.weight", "pooler.dense.bias")


def fold_token_types(
    config: BertConfig, weights: Mapping[str, Array], *, dtype: type[np.float64] | type[np.float32] = np.float64
) -> tuple[DistilBertConfig, dict[str, Array]]:
    """
    Return config and weights of the DistilBERT that computes what this BERT computes when every token type is 0.

    Row 0 of the token-type table is added to every row of the position table in float64; the other rows are dropped,
    so the result answers only for inputs whose ``token_type_ids`` are all 0, which is every single text and no pair.
    The pooler is dropped too: DistilBERT has none, and classifies sequences in another way.

    With ``dtype=np.float64`` both models are the same sum in another order. Per element of the embeddings' sum,
    with u = 2**-53, BERT computes ((w + t)(1 + a) + p)(1 + b) and the result (w + (p + t)(1 + c))(1 + d), so they
    differ by at most u (|w + t| + |p + t| + 2 |w + p + t|) + O(u**2) <= 4 u (|w| + |p| + |t|) + O(u**2).
    With ``dtype=np.float32``, the form that a Hugging Face folder holds, every folded row is rounded once more, which
    adds 2**-24 |p + t|.

    Parameters
    ----------
    config : BertConfig
    weights : mapping of name to array
        Names are Hugging Face's without ``bert.``.
    dtype : float64 or float32
        Element type of the folded position table.

    Raises
    ------
    UnsupportedError
        ``layer_norm_eps`` is not the 1e-12 that every DistilBERT has.

    Examples
    --------
    >>> config = BertConfig(vocab_size=5, hidden_size=2, num_layers=0, num_heads=1, intermediate_size=2,
    ...                     max_positions=4)
    >>> tables = {"embeddings.position_embeddings.weight": np.ones((4, 2), np.float32),
    ...           "embeddings.token_type_embeddings.weight": np.float32([[2.0**-40, 2], [8, 9]])}
    >>> (fold_token_types(config, tables)[1]["embeddings.position_embeddings.weight"] - 1)[0].tolist() == [2**-40, 2]
    True
    """
    if config.layer_norm_eps != 1e-12:
        raise UnsupportedError(
            f"fold_token_types: layer_norm_eps is {config.layer_norm_eps}; "
            "expected 1e-12 because DistilBERT has no other"
        )
    positions = real(weights["embeddings.position_embeddings.weight"])
    token_type = real(weights["embeddings.token_type_embeddings.weight"][0])
    folded = {_distilbert_name(name): array for name, array in weights.items() if name not in _DROPPED}
    folded["embeddings.position_embeddings.weight"] = (positions + token_type).astype(dtype)
    return (
        DistilBertConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            num_layers=config.num_layers,
            num_heads=config.num_heads,
            intermediate_size=config.intermediate_size,
            max_positions=config.max_positions,
            activation=config.activation,
            num_labels=config.num_labels,
        ),
        folded,
    )


def _distilbert_name(name: str) -> str:
    part, _, kind = name.rpartition(".")
    if part.startswith("encoder.layer."):
        index, _, inner = part.removeprefix("encoder.layer.").partition(".")
        part = f"transformer.layer.{index}.{_LAYER_PARTS.get(inner, inner)}"
    return f"{_HEAD_PARTS.get(part, part)}.{kind}"
