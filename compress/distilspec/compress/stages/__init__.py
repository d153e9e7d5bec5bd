"""A pipeline's stages, a file each: what it does, and the one file or folder that it makes."""
