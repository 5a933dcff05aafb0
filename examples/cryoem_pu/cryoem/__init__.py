"""Particle patches: classification with few labels."""
