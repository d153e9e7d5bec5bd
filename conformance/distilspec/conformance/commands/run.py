"""``distilspec run``: a real answer from a real model."""
