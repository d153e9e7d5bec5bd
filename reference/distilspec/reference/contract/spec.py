"""The version of the specification; a change of any bit of any result raises it."""

SPEC_VERSION = "0.1"
