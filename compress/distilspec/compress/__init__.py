"""The pipeline's parts in torch: losses, pruning, students, data and the form of a pipeline file."""
