"""One fix a file, under its rule's name; the only code that changes a user's file."""
