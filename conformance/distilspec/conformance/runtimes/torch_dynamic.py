"""Linears that torch quantises as they run: quantized::linear_dynamic, which quantize_dynamic puts into a module."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from distilspec.conformance.runtimes.torch_operators import TorchOperators
from distilspec.reference.contract.errors import UnsupportedError
from distilspec.reference.program import Program


class DynamicOperators(TorchOperators):
    """
    Torch's functions, with the steps ``dynamic_quantize`` and ``quantized_linear`` in one call of torch.

    The codes are made inside that call, so ``dynamic_quantize`` passes the real numbers on.
    """

    FUSED = frozenset({"dynamic_quantize"})

    def __init__(self, engine: str, is_reduced: bool) -> None:
        """Run on a quantised engine; ``is_reduced`` leaves activations seven bits."""
        super().__init__()
        self._engine = engine
        self._is_reduced = is_reduced

    def dynamic_quantize(self, x: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        """Return ``x`` as it is."""
        return x, None, None

    def quantized_linear(  # type: ignore[override]
        self,
        x: Tensor,
        x_scale: None,  # noqa: ARG002
        x_zero_point: None,  # noqa: ARG002
        weight: Tensor,
        weight_scale: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Quantise ``x``, multiply by the weight, scale back and add the bias."""
        torch.backends.quantized.engine = self._engine
        zero_points = torch.zeros(len(weight), dtype=torch.int64)
        with warnings.catch_warnings(action="ignore"):  # torch announces that tensors of codes will go
            codes = torch._make_per_channel_quantized_tensor(weight, weight_scale.double(), zero_points, 0)
        packed = torch.ops.quantized.linear_prepack(codes, bias)
        result: Tensor = torch.ops.quantized.linear_dynamic(x, packed, self._is_reduced)
        return result


def expect_dynamic(program: Program) -> None:
    """Raise ``UnsupportedError`` unless every integer product multiplies what ``dynamic_quantize`` has just made."""
    makers = {output: step.op for step in program.steps for output in step.outputs}
    for step in program.steps:
        if step.op == "quantized_linear" and makers.get(str(step.inputs[0])) != "dynamic_quantize":
            raise UnsupportedError(
                f"runtime torch: mode dynamic cannot run step {step.name} of {program.name}; "
                "expected its input from dynamic_quantize"
            )
