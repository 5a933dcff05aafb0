"""Evaluation of values: where a value comes from, what it may be, and what calls, members and containers pass on."""
