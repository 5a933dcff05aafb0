"""Fixes of the stage: loss."""
