"""A user's rules written as patterns in YAML."""
