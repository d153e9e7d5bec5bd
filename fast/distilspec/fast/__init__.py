"""The fast engine: fused INT8 and block-sparse kernels generated for the processor at hand."""

from distilspec.fast.engine import Engine, compile
from distilspec.fast.lower.attention_codes import FUSED_OPERATORS
from distilspec.fast.lower.lower import OPERATORS
from distilspec.fast.pipelines import pipeline
from distilspec.fast.profile import OperationTime, Profile

__all__ = ["FUSED_OPERATORS", "OPERATORS", "Engine", "OperationTime", "Profile", "compile", "pipeline"]
