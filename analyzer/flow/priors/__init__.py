"""Class priors: where a loss weighs with one, and which labels its program reads."""
