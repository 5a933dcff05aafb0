"""What modules put out, and who takes it in: the parts of a model, and the way of their results to a loss."""
