"""A few values of each of an optimizer's tensors, and how they change from step to step."""

from __future__ import annotations

import weakref
from typing import Any, Dict, List, Optional, Tuple

VALUES = 256
_ROUNDING = 3e-7  # of a value, what arithmetic of decay in float32 leaves over


class Sample:
    """Values at fixed places of an optimizer's parameters, kept on their device.

    Args:
        torch: the module.
        optimizer: with its parameters as they are before its first step.
    """

    def __init__(self, torch: Any, optimizer: Any) -> None:
        self.torch = torch
        self._optimizer = weakref.ref(optimizer)
        self.tensors: List[Any] = []
        self.group_of: List[int] = []
        self.steps = 0
        self._over = 0
        self._decay: Dict[int, float] = {}
        device = next((p.device for g in optimizer.param_groups for p in g["params"]), None)
        for place, group in enumerate(optimizer.param_groups):
            for parameter in group["params"]:
                usable = parameter.is_floating_point() and parameter.device == device
                if usable and not hasattr(parameter, "to_local") and "Uninitialized" not in type(parameter).__name__:
                    self.tensors.append(parameter)
                    self.group_of.append(place)
        self.is_decoupled = _is_decoupled(optimizer)
        pieces = self._pieces()
        self._values: Any = self._joined(pieces) if pieces else None
        self._owner: Any = self._owners(list(range(len(pieces))), pieces) if pieces else None
        count = len(self.tensors)
        self._wide: Any = torch.tensor([p.dim() > 1 for p in self.tensors], device=device) if count else None
        self.moved: Any = torch.zeros(count, dtype=torch.bool, device=device) if count else None
        self.graded: Any = self.moved.clone() if count else None

    def is_of(self, optimizer: Any) -> bool:
        """Whether it is this optimizer's; ids are given again."""
        return self._optimizer() is optimizer

    @property
    def is_over(self) -> bool:
        """Whether the optimizer is gone."""
        return self._optimizer() is None

    def passed(self, optimizer: Any, skipped: bool) -> None:
        """A step was made: with what decay, and with gradients where?"""
        if skipped:
            return
        self.steps += 1
        self._over += 1
        for place, group in enumerate(optimizer.param_groups):
            decay = group.get("weight_decay") or 0.0
            rate = float(group["lr"])
            self._decay[place] = self._decay.get(place, 1.0) * (1.0 - rate * float(decay) if self.is_decoupled else 1.0)

    def compare(self) -> Optional[Tuple[Any, int, Any]]:
        """Each tensor's change since the last comparison without decay, and over how many steps; None without any.

        With them goes the change of the matrices and kernels as a share of their own size, one number for each.
        """
        torch, over, decay = self.torch, self._over, self._decay
        self._over, self._decay = 0, {}
        if self._owner is None or not over:
            return None
        values = self._joined(self._pieces())
        if values.shape != self._values.shape:
            return None
        keep = torch.tensor([decay.get(g, 1.0) for g in self.group_of], device=values.device)
        kept = self._values * keep[self._owner]
        change = self._sum((values - kept) ** 2).sqrt()
        is_decayed = torch.tensor([decay.get(g, 1.0) != 1.0 for g in self.group_of], device=values.device)
        size = self._sum(kept**2).sqrt()
        floor = size * _ROUNDING * is_decayed
        has_gradient = self._has_gradient()
        self.graded |= has_gradient
        self.moved |= has_gradient & (change > floor)
        self._values = values
        weighs = self._wide & has_gradient & (size > 0)
        return change, over, change[weighs] / size[weighs]

    def groups(self) -> Tuple[List[Dict[str, Any]], List[Any]]:
        """For each group its tensors, and those that had a gradient and moved; and tensors that stood still."""
        moved = self.moved.tolist() if self.moved is not None else []
        graded = self.graded.tolist() if self.graded is not None else []
        rows = [{"tensors": 0, "graded": 0, "moved": 0} for _ in range(max(self.group_of, default=-1) + 1)]
        for place, group in enumerate(self.group_of):
            rows[group]["tensors"] += 1
            rows[group]["graded"] += graded[place]
            rows[group]["moved"] += moved[place]
        still = [p for p, g, m in zip(self.tensors, graded, moved) if g and not m]
        return rows, still[:8]

    def _has_gradient(self) -> Any:
        torch = self.torch
        found = torch.zeros(len(self.tensors), device=self._values.device)
        with_one = [
            (i, p)
            for i, p in enumerate(self.tensors)
            if p.grad is not None and not p.grad.is_sparse and p.grad.shape == p.shape
        ]
        if not with_one:
            return found > 0
        pieces = [_pick(p.grad.detach(), p.stride()) for _, p in with_one]
        is_all = len(pieces) == len(self.tensors)
        owner = self._owner if is_all else self._owners([i for i, _ in with_one], pieces)
        values = self._joined(pieces)
        if values.shape == owner.shape:
            found.index_add_(0, owner, values.abs())
        return ~(found == 0)

    def _pieces(self) -> List[Any]:
        return [_pick(p.detach(), p.stride()) for p in self.tensors]

    def _joined(self, pieces: List[Any]) -> Any:
        if len({p.dtype for p in pieces}) > 1:
            pieces = [p.float() for p in pieces]
        return self.torch.cat(pieces).float()

    def _owners(self, places: List[int], pieces: List[Any]) -> Any:
        device = pieces[0].device
        lengths = self.torch.tensor([p.numel() for p in pieces], device=device)
        return self.torch.repeat_interleave(self.torch.tensor(places, device=device), lengths)

    def _sum(self, squares: Any) -> Any:
        return self.torch.zeros(len(self.tensors), device=squares.device).index_add_(0, self._owner, squares)


def _pick(tensor: Any, strides: Any) -> Any:
    """Up to 256 values spread over a dense tensor's memory, whatever its layout; one of other strides is copied."""
    count = tensor.numel()
    step = max(1, count // VALUES)
    dense = tensor.stride() == strides and tensor.is_contiguous()
    if not dense and tensor.stride() == strides and tensor.dim() == 4:
        turned = tensor.permute(0, 2, 3, 1)  # channels last
        dense, tensor = turned.is_contiguous(), turned
    flat = tensor.view(-1) if dense else tensor.reshape(-1)
    return flat[::step][:VALUES]


def _is_decoupled(optimizer: Any) -> bool:
    """Whether decay multiplies the weights: AdamW and its kind, and plain SGD, where it comes to the same."""
    name = type(optimizer).__name__.lower()
    group = optimizer.param_groups[0]
    if group.get("decoupled_weight_decay") or name in ("adamw", "adamwscale", "lion", "lamb", "adafactor"):
        return True
    return name == "sgd" and not group.get("momentum")
