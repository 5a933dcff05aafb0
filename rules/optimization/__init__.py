"""Rules of the stage: optimization."""
