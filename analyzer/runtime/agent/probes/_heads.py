"""The parts of a model by which a gradient is told: its top-level modules, and for each parameter its owner."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Set, Tuple

if TYPE_CHECKING:
    from ..session import Session

_MOST_WRAPPERS = 6
_CHOICES = ("ModuleList", "ModuleDict")


class Known:
    """A parameter of a model, as plain data beside a weak reference: it may be told of after the model is gone."""

    def __init__(self, parameter: Any, name: str, head: str, owner: Any, choice: str) -> None:
        self.reference = weakref.ref(parameter)
        self.name = name
        self.head = head
        self.owner = weakref.ref(owner)
        self.owner_name = name.rpartition(".")[0]
        self.choice = choice  # the list of modules of which one may be taken at a time (experts, tasks); else empty
        self.count = int(parameter.numel()) if "Uninitialized" not in type(parameter).__name__ else 0
        self.is_trainable = bool(parameter.requires_grad)
        self.is_local = hasattr(parameter, "to_local")  # a distributed tensor: other processes hold the rest
        self.is_reached = False
        self.is_owned = False  # by an optimizer at some time; a program with two stages lets go of the first's
        self.is_called = False
        self.first = parameter.detach().reshape(-1)[:8].clone() if self.count and not self.is_local else None

    def is_of(self, parameter: Any) -> bool:
        """Whether it is still the same object; ids are given again."""
        return self.reference() is parameter


class Head:
    """A top-level module of a model. ``root`` is the model's class, ``cls`` its own."""

    def __init__(self, name: str, cls: str, root: Any, is_training: bool) -> None:
        self.name = name
        self.cls = cls
        self.root = type(root).__name__
        self.is_training = is_training


def index(session: Session, known: Dict[int, Known], heads: Dict[str, Head]) -> None:
    """Add what the root modules hold by now.

    Args:
        session: the instrumented program.
        known: parameters by id; those that are there stay.
        heads: top-level modules by name.
    """
    roots = session.live(session.roots)
    for root in roots:
        prefix = type(root).__name__ + "." if len(roots) > 1 else ""
        starts = _starts(root)
        owners = dict(root.named_modules())
        for name, parameter in root.named_parameters():
            entry = known.get(id(parameter))
            if entry is not None and entry.is_of(parameter):
                entry.is_trainable = bool(parameter.requires_grad)
                continue
            start, module = next(((s, m) for s, m in starts if name.startswith(s + ".")), ("", root))
            head = prefix + (start or (name if starts and "." not in name else type(root).__name__))
            heads.setdefault(head, Head(head, _class_of(module), root, root.training))
            owner_name = name.rpartition(".")[0]
            choice = _choice(owners, owner_name)
            known[id(parameter)] = Known(parameter, prefix + name, head, owners[owner_name], choice and prefix + choice)


def _starts(root: Any) -> List[Tuple[str, Any]]:
    """The top-level modules with parameters, below wrappers that hold nothing but one module."""
    path, module = "", root
    for _ in range(_MOST_WRAPPERS):
        children = [(n, c) for n, c in module.named_children() if any(True for _ in c.parameters())]
        own = any(True for _ in module.parameters(recurse=False))
        if len(children) != 1 or own or not any(True for _ in children[0][1].children()):
            break
        path, module = path + children[0][0] + ".", children[0][1]
    return [(path + n, c) for n, c in module.named_children()]


def _choice(owners: Dict[str, Any], owner: str) -> str:
    """The outermost list or dictionary of modules around an owner."""
    parts = owner.split(".") if owner else []
    for end in range(1, len(parts)):
        path = ".".join(parts[:end])
        if type(owners.get(path)).__name__ in _CHOICES:
            return path
    return ""


def _class_of(module: Any) -> str:
    return type(module).__module__ + "." + type(module).__qualname__


def classes_with(session: Session, alive: Set[int]) -> Dict[str, int]:
    """Numbers of parameters that take part in the loss, by the class of every module that holds them.

    Args:
        session: the instrumented program.
        alive: ids of parameters with a gradient.
    """
    found: Dict[str, Dict[int, int]] = {}
    for module in _modules(session):
        mine = found.setdefault(_class_of(module), {})
        mine.update((id(p), int(p.numel())) for p in module.parameters() if id(p) in alive)
    return {name: sum(counts.values()) for name, counts in found.items()}


def _modules(session: Session) -> Iterator[Any]:
    seen = set()
    for root in session.live(session.roots):
        for module in root.modules():
            if id(module) not in seen:
                seen.add(id(module))
                yield module
