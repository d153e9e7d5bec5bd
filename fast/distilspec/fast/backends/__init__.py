"""What carries out fused steps: NumPy, or kernels made for the processor."""
