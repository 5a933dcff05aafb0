"""What is in the repository: files, dependency ranges, settings. Never runs or imports its code."""
