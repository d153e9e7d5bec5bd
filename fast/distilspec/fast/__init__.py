"""The fast engine: fused INT8 and block-sparse kernels generated for the processor at hand."""
