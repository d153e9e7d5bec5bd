"""Frozen cases with known answers, as data; FORMAT.md beside this file says how to read them."""
