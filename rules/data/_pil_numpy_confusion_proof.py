"""What a run shows of sizes in the wrong order."""

from __future__ import annotations

from ...analyzer.rule import Proof

PROOF = Proof(probe="data-contract", quantity="boxes, keypoints and masks that fit their image only when turned round")
