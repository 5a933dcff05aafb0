#!/bin/bash
# A script that enters its own virtual environment ($VENV) and resets PYTHONPATH.
set -e
source "$VENV/bin/activate"
PYTHONPATH=. python3 plain.py "$@"
