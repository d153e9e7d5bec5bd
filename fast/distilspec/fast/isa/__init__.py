"""Targets: the instruction sets for which kernels are emitted, one file each."""

from distilspec.fast.isa.host import TARGETS, UnsupportedTargetError, executable_targets, host_target
from distilspec.fast.isa.target import Target

__all__ = ["TARGETS", "Target", "UnsupportedTargetError", "executable_targets", "host_target"]
