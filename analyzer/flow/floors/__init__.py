"""Floors under logarithms, roots and quotients: whether they hold in the type that the values have."""
