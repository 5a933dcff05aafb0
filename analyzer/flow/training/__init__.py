"""The training step of a program, and the statements that its model, batch and loss come from."""
