"""Learned direction finding."""
