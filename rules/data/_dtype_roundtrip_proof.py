"""What a run shows of images that a cast empties."""

from __future__ import annotations

from ...analyzer.rule import Proof

PROOF = Proof(probe="data-contract", quantity="fields of a batch that hold next to nothing")
