"""Rules of the stage: loss."""
