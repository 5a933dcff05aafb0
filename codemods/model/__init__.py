"""Fixes of the stage: model."""
