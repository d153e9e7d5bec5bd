"""The specification: every operator of a compressed Transformer, with one meaning and slow, plain code for it."""
