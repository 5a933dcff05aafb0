"""Counts of training steps: schedulers, what they plan, and how often the loops move them."""
