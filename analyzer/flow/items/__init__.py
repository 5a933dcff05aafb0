"""The code that makes one training item, and the random draws in it: seeds, what they change, when they run."""
