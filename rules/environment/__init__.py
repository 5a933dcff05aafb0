"""Rules of the stage: environment."""
