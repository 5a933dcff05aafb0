"""Weak and strong views of a patch. A particle may lie any way round, so flips and quarter turns are free."""

import torch


def weak(patch: torch.Tensor) -> torch.Tensor:
    """Quarter turn, flip, shift by up to two pixels."""
    patch = torch.rot90(patch, int(torch.randint(0, 4, ())), dims=(1, 2))
    if torch.rand(()) < 0.5:
        patch = patch.flip(2)
    shift = torch.randint(-2, 3, (2,)).tolist()
    return patch.roll(shift, dims=(1, 2))


def strong(patch: torch.Tensor) -> torch.Tensor:
    """A weak view with other contrast, more noise and a square cut out."""
    patch = weak(patch)
    patch = patch * (0.7 + 0.6 * torch.rand(())) + 0.2 * torch.randn(())
    patch = patch + 0.3 * torch.randn_like(patch)
    side = patch.shape[1] // 4
    top, left = torch.randint(0, patch.shape[1] - side + 1, (2,)).tolist()
    patch = patch.clone()
    patch[:, top : top + side, left : left + side] = 0.0
    return patch
