"""Reports: the verdict of a run, as JSON for scripts and as tables for a terminal."""
