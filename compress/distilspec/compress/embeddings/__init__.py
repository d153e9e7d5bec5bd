"""What pruning and INT8 cost sentence embeddings: a kind of pipeline file that measures and trains nothing."""
