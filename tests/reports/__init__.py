"""The five debugging reports: what their experts found by hand is found, mended and proved."""
