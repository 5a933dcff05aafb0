"""The core: reads a repository and decides. Knows no rule."""
