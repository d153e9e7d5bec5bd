"""Reading, making and verifying the frozen cases of ``distilspec.goldens``."""

from distilspec.conformance.goldens.case import Expected, GoldenCase
from distilspec.conformance.goldens.load import load_goldens
from distilspec.conformance.goldens.make import MakeResult, make_goldens
from distilspec.conformance.goldens.verify import VerifyResult, verify_goldens

__all__ = [
    "Expected",
    "GoldenCase",
    "MakeResult",
    "VerifyResult",
    "load_goldens",
    "make_goldens",
    "verify_goldens",
]
