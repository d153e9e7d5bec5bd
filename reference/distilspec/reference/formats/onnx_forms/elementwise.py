"""Elementwise operators."""

from __future__ import annotations

import numpy as np

from distilspec.reference.formats.onnx_forms.graph import ELEMENT_TYPES, StepWriter


def absolute(to: StepWriter, x: str) -> None:
    """Write Abs."""
    to.result("Abs", [x])


def negate(to: StepWriter, x: str) -> None:
    """Write Neg."""
    to.result("Neg", [x])


def erf(to: StepWriter, x: str) -> None:
    """Write Erf."""
    to.result("Erf", [x])


def exp(to: StepWriter, x: str) -> None:
    """Write Exp."""
    to.result("Exp", [x])


def sqrt(to: StepWriter, x: str) -> None:
    """Write Sqrt."""
    to.result("Sqrt", [x])


def reciprocal(to: StepWriter, x: str) -> None:
    """Write Reciprocal."""
    to.result("Reciprocal", [x])


def tanh(to: StepWriter, x: str) -> None:
    """Write Tanh."""
    to.result("Tanh", [x])


def sigmoid(to: StepWriter, x: str) -> None:
    """Write Sigmoid."""
    to.result("Sigmoid", [x])


def relu(to: StepWriter, x: str) -> None:
    """Write Relu."""
    to.result("Relu", [x])


def silu(to: StepWriter, x: str) -> None:
    """Write x * sigmoid(x), the form that runtimes recognise; it gives NaN, not 0, for -infinity."""
    to.result("Mul", [x, to.node("Sigmoid", [x], "sigmoid")])


def gelu(to: StepWriter, x: str) -> None:
    """
    Write Gelu from opset 20, before that its erf formula in the order of operations that runtimes recognise.

    Both give NaN, not 0, for -infinity: Gelu is defined by that formula.
    """
    if to.opset >= 20:
        to.result("Gelu", [x], approximate="none")
        return
    scaled = to.node("Div", [x, to.number("root_two", np.sqrt(2.0))], "scaled")
    raised = to.node("Add", [to.node("Erf", [scaled], "erf"), to.number("one", 1.0)], "raised")
    to.result("Mul", [to.node("Mul", [x, raised], "doubled"), to.number("half", 0.5)])


def gelu_tanh(to: StepWriter, x: str) -> None:
    """
    Write Gelu from opset 20, before that its tanh formula in the order of operations that runtimes recognise.

    Both give NaN, not 0, for -infinity: Gelu is defined by that formula.
    """
    if to.opset >= 20:
        to.result("Gelu", [x], approximate="tanh")
        return
    cube = to.node("Pow", [x, to.number("three", 3.0)], "cube")
    inner = to.node("Add", [x, to.node("Mul", [cube, to.number("cubic", 0.044715)], "term")], "inner")
    scaled = to.node("Mul", [inner, to.number("root_two_over_pi", np.sqrt(2.0 / np.pi))], "scaled")
    raised = to.node("Add", [to.node("Tanh", [scaled], "tanh"), to.number("one", 1.0)], "raised")
    to.result("Mul", [to.node("Mul", [x, to.number("half", 0.5)], "halved"), raised])


def add(to: StepWriter, a: str, b: str) -> None:
    """Write Add."""
    to.result("Add", [a, b])


def subtract(to: StepWriter, a: str, b: str) -> None:
    """Write Sub."""
    to.result("Sub", [a, b])


def multiply(to: StepWriter, a: str, b: str) -> None:
    """Write Mul."""
    to.result("Mul", [a, b])


def divide(to: StepWriter, a: str, b: str) -> None:
    """Write Div."""
    to.result("Div", [a, b])


def power(to: StepWriter, a: str, b: str) -> None:
    """Write Pow."""
    to.result("Pow", [a, b])


def minimum(to: StepWriter, a: str, b: str) -> None:
    """Write Min."""
    to.result("Min", [a, b])


def maximum(to: StepWriter, a: str, b: str) -> None:
    """Write Max."""
    to.result("Max", [a, b])


def where(to: StepWriter, condition: str, a: str, b: str) -> None:
    """Write Where; for booleans, which ONNX Runtime's Where does not take, And, Not and Or."""
    if to.spec(a).dtype != "bool":
        to.result("Where", [condition, a, b])
        return
    other = to.node("Not", [condition], "other")
    to.result("Or", [to.node("And", [condition, a], "from_a"), to.node("And", [other, b], "from_b")])


def equal(to: StepWriter, a: str, b: str) -> None:
    """Write Equal."""
    to.result("Equal", [a, b])


def greater(to: StepWriter, a: str, b: str) -> None:
    """Write Greater."""
    to.result("Greater", [a, b])


def less(to: StepWriter, a: str, b: str) -> None:
    """Write Less."""
    to.result("Less", [a, b])


def logical_and(to: StepWriter, a: str, b: str) -> None:
    """Write And."""
    to.result("And", [a, b])


def logical_or(to: StepWriter, a: str, b: str) -> None:
    """Write Or."""
    to.result("Or", [a, b])


def logical_not(to: StepWriter, x: str) -> None:
    """Write Not."""
    to.result("Not", [x])


def cast(to: StepWriter, x: str, *, dtype: str) -> None:
    """Write Cast."""
    to.result("Cast", [x], to=ELEMENT_TYPES[dtype])
