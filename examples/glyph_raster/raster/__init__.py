"""Glyph classification and retrieval from rasters."""
