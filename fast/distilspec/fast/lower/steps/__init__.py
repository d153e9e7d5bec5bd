"""How each step of a program becomes part of a fused step."""
