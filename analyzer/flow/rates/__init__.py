"""Learning rates: which optimizer gets which, for which network."""
