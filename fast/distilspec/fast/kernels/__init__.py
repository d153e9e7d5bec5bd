"""Kernels, written once for every target."""
