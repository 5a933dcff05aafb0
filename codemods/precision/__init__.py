"""Fixes of the stage: precision."""
