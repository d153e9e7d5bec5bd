"""The golden cases, one file an operator: what is asked, and how the answer was found without the reference."""
