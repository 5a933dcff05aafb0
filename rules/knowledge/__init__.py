"""Facts as YAML, each row with the source in which it was read."""
