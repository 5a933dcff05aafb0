"""Fixes of the stage: config."""
