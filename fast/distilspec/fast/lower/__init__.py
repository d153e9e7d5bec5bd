"""From a program's steps to the fused steps that a backend carries out."""
