"""Loops over an axis of a tensor."""
