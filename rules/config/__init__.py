"""Rules of the stage: config."""
