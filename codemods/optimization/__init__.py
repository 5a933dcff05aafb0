"""Fixes of the stage: optimization."""
