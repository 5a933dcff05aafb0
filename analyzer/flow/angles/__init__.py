"""Units of angle, and what shows them: conversions, names, documentation."""
