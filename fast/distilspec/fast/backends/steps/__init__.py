"""The operations of each kind of fused step."""
