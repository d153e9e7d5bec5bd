"""What a DistilBERT computes on the way to its logits: the tensors that distillation compares."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from torch import Tensor, nn
from transformers import DistilBertForSequenceClassification


@dataclass(frozen=True)
class Observation:
    """
    Logits, and of each layer the hidden state, queries, keys and values.

    ``logits`` is [batch, labels]. ``hidden_states`` are those of the embeddings and then of each layer, all tensors
    but the logits are [batch, sequence, hidden_size].
    """

    logits: Tensor
    hidden_states: tuple[Tensor, ...]
    queries: tuple[Tensor, ...]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    def scores(self, layer: int, num_heads: int) -> Tensor:
        """Return the attention scores of a layer before mask and softmax: [batch, num_heads, sequence, sequence]."""
        query, key = (
            x[layer].reshape(*x[layer].shape[:2], num_heads, -1).transpose(1, 2) for x in (self.queries, self.keys)
        )
        return query.matmul(key.transpose(-1, -2)) / sqrt(query.shape[-1])


def observe(model: DistilBertForSequenceClassification, input_ids: Tensor, attention_mask: Tensor) -> Observation:
    """
    Run the model and return what it computed; gradients flow through every tensor unless they are switched off.

    Parameters
    ----------
    model : DistilBertForSequenceClassification
    input_ids : int64 [batch, sequence]
    attention_mask : int64 [batch, sequence]
        1 keeps a token.
    """
    seen: dict[str, list[Tensor]] = {"hidden": [], "q_lin": [], "k_lin": [], "v_lin": []}
    layers = model.distilbert.transformer.layer
    watched: list[tuple[nn.Module, str]] = [(model.distilbert.embeddings, "hidden")]
    for layer in layers:
        watched += [(getattr(layer.attention, name), name) for name in ("q_lin", "k_lin", "v_lin")]
        watched += [(layer, "hidden")]
    handles = [
        module.register_forward_hook(lambda _, __, output, name=name: seen[name].append(output))
        for module, name in watched
    ]
    try:
        logits = model(input_ids=input_ids, attention_mask=attention_mask).logits
    finally:
        for handle in handles:
            handle.remove()
    return Observation(
        logits=logits,
        hidden_states=tuple(seen["hidden"]),
        queries=tuple(seen["q_lin"]),
        keys=tuple(seen["k_lin"]),
        values=tuple(seen["v_lin"]),
    )
