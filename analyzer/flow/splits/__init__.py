"""Splits of data into training and evaluation, and what normalisers are fitted on."""
