"""Rules of the stage: precision."""
