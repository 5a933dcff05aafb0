"""What a run shows of targets that do not follow their image."""

from __future__ import annotations

from ...analyzer.rule import Proof

PROOF = Proof(probe="data-contract", quantity="mirrored views of an item whose target stays where it was")
