"""Runtimes side by side on one machine: rounds in which each takes its turn, and what the machine can do at most."""
