"""Parameters grouped by the module that they belong to, coarse enough to be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, List, Tuple

if TYPE_CHECKING:
    from ..session import Session

_MOST = 12
_DEEPEST = 4


class Modules:
    """The modules of an optimizer's parameters.

    Args:
        session: the instrumented program.
        parameters: the optimizer's, in its order.

    Attributes:
        names: of the modules, in the order of their first parameters.
    """

    def __init__(self, session: Session, parameters: List[Any]) -> None:
        named = {id(p): name for name, p in session.named_parameters()}
        labels = grouped([named.get(id(p), "elsewhere") for p in parameters])
        self.names: List[str] = list(dict.fromkeys(labels))
        places = {name: place for place, name in enumerate(self.names)}
        self._places = [places[label] for label in labels]
        self._index: Dict[Tuple[int, ...], Any] = {}

    def norms(self, torch: Any, present: List[int], norms: Any) -> Any:
        """The norm over each module, from the norms of those parameters that have one.

        Args:
            torch: the module.
            present: their places among the parameters.
            norms: float32 of the same length.
        """
        key = tuple(present)
        if key not in self._index:
            self._index.clear()  # mostly all are present, at every step
            self._index[key] = torch.tensor([self._places[i] for i in present], device=norms.device)
        squares = torch.zeros(len(self.names), device=norms.device, dtype=norms.dtype)
        return squares.index_add_(0, self._index[key], norms * norms).sqrt_()


def grouped(names: List[str]) -> List[str]:
    """A module's name for each parameter's: as deep in the tree as leaves no more than a dozen of them.

    Args:
        names: dotted names of parameters.
    """
    paths = [name.split(".")[:-1] or [name] for name in names]
    best = [path[0] for path in paths]
    for depth in range(2, _DEEPEST + 1):
        deeper = [".".join(path[:depth]) for path in paths]
        if len(set(deeper)) > _MOST:
            break
        best = deeper
    return best
