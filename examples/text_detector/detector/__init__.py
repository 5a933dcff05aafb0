"""Detection of text lines as polygons."""
