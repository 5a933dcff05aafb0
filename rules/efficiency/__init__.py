"""Rules of the stage: efficiency."""
