"""Patterns: Python code with holes (``torch.load($X, $...ARGS)``), and where a file holds code that fits one."""
