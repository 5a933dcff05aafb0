"""Rules of the stage: data."""
