"""Fixes of the stage: environment."""
