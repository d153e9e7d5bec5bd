"""Types, errors and checks: the only part of the reference that every other room may import freely."""
