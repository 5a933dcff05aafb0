"""Fixes of the stage: data."""
