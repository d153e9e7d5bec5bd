"""The host's side of the subprocess protocol that ``docs/protocol.md`` defines."""
