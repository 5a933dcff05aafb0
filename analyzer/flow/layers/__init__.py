"""Layers in the order in which they are applied, and the heads made of them."""
