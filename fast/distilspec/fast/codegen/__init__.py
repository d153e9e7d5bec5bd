"""From a kernel in a small language of its own to machine code, and to a slow interpreter of the same kernel."""
