"""What a transformer keeps for its backward pass: an estimate from the numbers that shape it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

_BYTES = 4
GIB = 2.0**30


class Stage(NamedTuple):
    """Blocks of one width. ``window`` is how many tokens attend to one another."""

    tokens: float
    dim: float
    heads: float
    window: float
    depth: float
    ratio: float = 4.0

    @property
    def kept(self) -> float:
        """Bytes that the blocks keep in float32 for one sample.

        A block keeps some 8.5 values a token and channel for its norms, projections and sums, twice the width of its
        MLP, and the attention of each token to its window once a head. Counted with torch's ``saved_tensors_hooks``:
        right within a fifth for windowed blocks without dropout, and within 4 % for those of MONAI 1.6.
        """
        per_token = (8.5 + 2.0 * self.ratio) * self.dim + self.heads * self.window
        return _BYTES * self.depth * self.tokens * per_token


def swin_stages(
    sides: Sequence[float], patch: float, dim: float, depths: Sequence[float], heads: Sequence[float], window: float
) -> list[Stage]:
    """The stages of a Swin transformer over a volume: half the side and twice the width from one to the next.

    The grid of tokens is padded to whole windows.

    Args:
        sides: the volume's three sides in voxels.
        patch: side of a token in voxels.
        dim: width of the first stage.
        depths: blocks of each stage.
        heads: attention heads of each stage.
        window: side of an attention window in tokens.
    """
    found: list[Stage] = []
    for number, (depth, head) in enumerate(zip(depths, heads, strict=False)):
        grid = [side / patch / 2**number for side in sides]
        tokens = within = 1.0
        for extent in grid:
            tokens *= ceil(extent / window) * window if extent > window else extent
            within *= min(extent, window)
        found.append(Stage(tokens, dim * 2**number, head, within, depth))
    return found
