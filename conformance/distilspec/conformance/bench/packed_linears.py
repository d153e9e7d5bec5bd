"""Linears that torch quantises as they run, with weights that are packed once, as a module of torch holds them."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from distilspec.conformance.runtimes.torch_dynamic import DynamicOperators


class PackedLinears(DynamicOperators):
    """What ``quantize_dynamic`` makes of a module; packed weights are found again by the tensors that they were."""

    def __init__(self) -> None:
        """Use the engine that torch chooses, and all eight bits of activations."""
        super().__init__(torch.backends.quantized.engine, is_reduced=False)
        self._packed: dict[int, tuple[Tensor, Any]] = {}

    def quantized_linear(  # type: ignore[override]
        self,
        x: Tensor,
        x_scale: None,  # noqa: ARG002
        x_zero_point: None,  # noqa: ARG002
        weight: Tensor,
        weight_scale: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Quantise ``x``, multiply by the packed weight, scale back and add the bias."""
        if id(weight) not in self._packed:
            zero_points = torch.zeros(len(weight), dtype=torch.int64)
            with warnings.catch_warnings(action="ignore"):  # torch announces that tensors of codes will go
                codes = torch._make_per_channel_quantized_tensor(weight, weight_scale.double(), zero_points, 0)
            self._packed[id(weight)] = weight, torch.ops.quantized.linear_prepack(codes, bias)
        result: Tensor = torch.ops.quantized.linear_dynamic(x, self._packed[id(weight)][1], False)
        return result
