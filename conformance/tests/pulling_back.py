"""One reverse rule applied to one step, and what torch's automatic differentiation gives for the same function."""

from __future__ import annotations

import numpy as np
import torch

from distilspec.conformance.adjoints import RULES
from distilspec.conformance.adjoints.rule import Applied
from distilspec.reference.ops import OPERATORS


def pulled_back(operator, operands, *cotangents, **attributes):
    """Return d quantity / d operand by the operand's position, for cotangents of the operator's results."""
    result = OPERATORS[operator](*operands, **attributes)
    results = result if isinstance(result, tuple) else (result,)
    step = Applied(tuple(operands), attributes, tuple(map(np.asarray, results)), cotangents)
    return {position: gradient() for position, gradient in RULES[operator](step).items() if position < len(operands)}


def torch_gradients(forward, operands, seed):
    """Return torch's gradient by position of every float operand, and the random cotangent that it is for."""
    tensors = [None if operand is None else torch.tensor(operand) for operand in operands]
    floats = {
        position: tensor.requires_grad_()
        for position, tensor in enumerate(tensors)
        if tensor is not None and tensor.is_floating_point()
    }
    y = forward(*tensors)
    cotangent = np.random.default_rng(seed).standard_normal(y.shape)
    y.backward(torch.tensor(cotangent))
    return {
        position: np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        for position, tensor in floats.items()
    }, cotangent
