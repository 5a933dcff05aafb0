#!/bin/bash
# Very common in research code: it throws away every PYTHONPATH that the caller has set.
set -e
export PYTHONPATH=.
python plain.py "$@"
