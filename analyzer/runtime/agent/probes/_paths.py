"""Which parameters the loss reaches: the graph from each backward's root, beside the gradients at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Set, Tuple

from ._gradients import Gradients
from ._heads import Head, Known, classes_with, index

if TYPE_CHECKING:
    from ..session import Session

MOST_WALKS = 64
_WRITTEN_AT = (3, 8, 16, 32, 64)
_MOST_NAMES = 100


class Ever:
    """The largest gradient norm of each of an optimizer's parameters so far."""

    def __init__(self, torch: Any, gradients: Gradients) -> None:
        self.torch = torch
        self.ids = [id(p) for p in gradients.parameters]
        self.norms: Any = None
        self.present: Set[int] = set()
        self.steps = 0

    def add(self, gradients: Gradients) -> None:
        """One step more."""
        self.steps += 1
        if gradients.norms is None or [id(p) for p in gradients.parameters] != self.ids:
            return
        self.present.update(gradients.present)
        if self.norms is None:
            self.norms = self.torch.zeros(len(self.ids), device=gradients.norms.device)
        if len(gradients.present) == len(self.ids):
            self.norms = self.torch.maximum(self.norms, gradients.norms)
        else:
            places = self.torch.tensor(gradients.present, device=self.norms.device)
            self.norms[places] = self.torch.maximum(self.norms[places], gradients.norms)

    def by_id(self) -> Dict[int, float]:
        """Norms by parameter; 0 where there never was a gradient."""
        values = [0.0] * len(self.ids) if self.norms is None else self.norms.tolist()
        return dict(zip(self.ids, values))


class Paths:
    """What every probe of the gradient's way shares; each thing is done once, whoever asks first.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.known: Dict[int, Known] = {}
        self.heads: Dict[str, Head] = {}
        self.ever: Dict[int, Ever] = {}
        self.unowned: Dict[int, Tuple[Any, List[int]]] = {}
        self.walks = 0
        self._walked = -1
        self._stepped = -1
        self._roots = 0
        self._written = -1
        self._is_fresh = False

    @classmethod
    def of(cls, session: Session) -> Paths:
        """The session's one."""
        if "paths" not in session.shared:
            session.shared["paths"] = cls(session)
        return session.shared["paths"]

    def backward(self, roots: Tuple[Any, ...]) -> None:
        """A backward pass begins."""
        if self._walked == self.session.micro or self.walks >= MOST_WALKS:
            return
        self._walked = self.session.micro
        self.walks += 1
        self._is_fresh = True
        leaves = leaves_of(roots)
        strange = [p for p in leaves if not self._is_known(p)]
        if strange or len(self.session.roots) != self._roots:
            self._roots = len(self.session.roots)
            index(self.session, self.known, self.heads)
        parameter_class = self.session.torch.nn.Parameter
        for leaf in leaves:
            if self._is_known(leaf):
                self.known[id(leaf)].is_reached = True
            elif isinstance(leaf, parameter_class) and len(self.unowned) < _MOST_NAMES:
                self.unowned[id(leaf)] = (leaf, list(leaf.shape))

    def step(self, optimizer: Any) -> None:
        """An optimizer has stepped; looked at in sampled steps that a walked backward pass came before."""
        session = self.session
        if self._stepped == session.steps.attempts or not (session.sampling and self._is_fresh):
            return
        self._stepped = session.steps.attempts
        gradients = Gradients.of(session, optimizer)
        number = session.steps.number(optimizer)
        if number not in self.ever:
            self.ever[number] = Ever(session.torch, gradients)
            self._own(set(self.ever[number].ids))
        self.ever[number].add(gradients)
        if self.ever[number].steps in _WRITTEN_AT:
            self.write()

    def write(self) -> None:
        """What is known by now, as a ``paths`` event; a later one replaces it."""
        session = self.session
        if not self.walks or self._written == session.steps.attempts or not session.live(session.roots):
            return
        self._written = session.steps.attempts
        norms: Dict[int, float] = {}
        present: Set[int] = set()
        for ever in self.ever.values():
            norms.update(ever.by_id())
            present.update(ever.ids[i] for i in ever.present)
        owned = self._own({id(p) for o in session.live(session.built) for g in o.param_groups for p in g["params"]})
        called = session.forwards.called
        for known in self.known.values():
            known.is_called = known.is_called or known.owner() in called
        alive = {i for i, k in self.known.items() if k.is_reached or k.is_local or norms.get(i, 0.0) != 0.0}
        by_hand = {k.head for i, k in self.known.items() if i not in alive and i not in present and self._has_moved(k)}
        session.emit(
            "paths",
            steps=min((e.steps for e in self.ever.values()), default=0),
            walks=self.walks,
            heads=[self._head(head, norms, owned, alive, by_hand) for head in self.heads.values()],
            dead=self._dead(owned, alive, by_hand),
            trainable=sum(k.count for i, k in self.known.items() if k.is_trainable and i in owned),
            unoptimized=self._unoptimized(owned, alive),
            unowned=[shape for i, (p, shape) in self.unowned.items() if i not in owned and not self._is_known(p)],
            stale=self._stale(norms),
            classes=classes_with(session, alive),
        )

    def _own(self, ids: Set[int]) -> Set[int]:
        """Note parameters as an optimizer's; all that ever were one's come back."""
        for i in ids & self.known.keys():
            self.known[i].is_owned = True
        return ids | {i for i, k in self.known.items() if k.is_owned}

    def _head(
        self, head: Head, norms: Dict[int, float], owned: Set[int], alive: Set[int], by_hand: Set[str]
    ) -> Dict[str, Any]:
        mine = [(i, k) for i, k in self.known.items() if k.head == head.name and k.is_trainable]
        squares = sum(norms.get(i, 0.0) ** 2 for i, _ in mine)
        return {
            "name": head.name,
            "cls": head.cls,
            "root": head.root,
            "training": head.is_training,
            "params": sum(k.count for _, k in mine),
            "optimized": sum(k.count for i, k in mine if i in owned),
            "reached": sum(k.count for i, k in mine if i in alive),
            "grad": squares**0.5,
            "called": any(k.is_called for _, k in mine),
            "by_hand": head.name in by_hand,
        }

    def _dead(self, owned: Set[int], alive: Set[int], by_hand: Set[str]) -> List[Dict[str, Any]]:
        """Trainable parameters of an optimizer that no backward pass reached, and that never had a gradient."""
        living_choices = {k.choice for i, k in self.known.items() if i in alive and k.choice}
        living_owners = {k.owner_name for i, k in self.known.items() if i in alive}
        return [
            {
                "name": k.name,
                "params": k.count,
                "called": k.is_called,
                "whole": k.owner_name not in living_owners,
                "choice": k.choice in living_choices,
            }
            for i, k in self.known.items()
            if k.is_trainable and i in owned and i not in alive and k.head not in by_hand
        ][:_MOST_NAMES]

    def _unoptimized(self, owned: Set[int], alive: Set[int]) -> List[Dict[str, Any]]:
        """Trainable parameters that get a gradient, and that no optimizer holds."""
        return [
            {"name": k.name, "params": k.count, "head": k.head}
            for i, k in self.known.items()
            if k.is_trainable and i not in owned and k.is_reached
        ][:_MOST_NAMES]

    def _stale(self, norms: Dict[int, float]) -> List[List[int]]:
        """Shapes of an optimizer's parameters that belong to no model that ran and never had a gradient."""
        found = []
        for optimizer in self.session.live(self.session.optimizers):
            for parameter in (p for g in optimizer.param_groups for p in g["params"]):
                if not (self._is_known(parameter) or id(parameter) in self.unowned or norms.get(id(parameter))):
                    found.append(list(parameter.shape))
        return found[:_MOST_NAMES]

    def _is_known(self, parameter: Any) -> bool:
        known = self.known.get(id(parameter))
        return known is not None and known.is_of(parameter)

    def _has_moved(self, known: Known) -> bool:
        parameter = known.reference()
        if parameter is None or known.first is None:
            return False
        now = parameter.detach().reshape(-1)[:8]
        return not bool((now == known.first.to(now.device)).all())


def leaves_of(roots: Tuple[Any, ...]) -> List[Any]:
    """The leaf tensors that a backward pass from these roots would give gradients to."""
    stack = [root.grad_fn for root in roots if root.grad_fn is not None]
    seen, leaves = set(stack), []
    while stack:
        for node, _ in stack.pop().next_functions:
            if node is None or node in seen:
                continue
            seen.add(node)
            if type(node).__name__ == "AccumulateGrad":
                leaves.append(node.variable)
            else:
                stack.append(node)
    return leaves
