"""The commands and the printers; thin."""
