"""Fixes of the stage: efficiency."""
