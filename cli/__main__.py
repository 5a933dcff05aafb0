"""``python -m mlfix.cli``."""

from .main import main

main()
