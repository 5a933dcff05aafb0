"""Rules of the stage: model."""
