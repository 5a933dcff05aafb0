"""The similarity of a set with itself, from the product to the loss that divides by its rows."""
