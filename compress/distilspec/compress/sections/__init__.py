"""The sections of a pipeline file, a file each: their fields, and what contradicts itself."""
