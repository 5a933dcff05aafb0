"""A package whose training module is run by `python -m pkg.train`."""
