"""What the loss is the sum of."""

from __future__ import annotations

import math
from types import FrameType
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Tuple

from .. import graph
from ..additive import Term, terms_of
from ..probe import Probe, Reading, healthy, not_seen, unhealthy
from ..scalars import Names, Scalar, Scalars, written_name
from ..session import Session
from ._reading import finite, mean, value_of

MOST_SPLIT = 8
SPLIT_AT = (1, 3)  # the gradient is split between the terms at these calls of each backward
_TWICE = ("Checkpoint", "BackwardHookFunction")  # nodes for which a further backward would not be silent
_EVEN = 1e-12
KIND = "loss-terms"


class LossTerms(Probe):
    """Whether each term of the loss has a value that moves, and a gradient.

    What it measures
    ----------------
    The sum that ``backward`` starts from is taken apart into its terms, in the first steps: the value of each, its
    factor, and its share of the gradient. A term that is a tensor without a graph is followed to the line that made it.

    Healthy
    -------
    Each term with a factor other than 0 takes part: it has a gradient, or a value other than 0.

    When it is not
    --------------
    A term that stays at 0, or at any one number with no gradient, trains nothing: look at the data it is built from
    (units, masks, empty selections). A term cut from its graph (``detach``, ``no_grad``) counts in the log and trains
    nothing either.
    """

    name: ClassVar[str] = "loss-terms"
    rules: ClassVar[Tuple[str, ...]] = (
        "double-deg2rad",
        "nan-argmin",
        "absolute-overlap-threshold",
        "pseudo-label-threshold",
    )
    unit: ClassVar[str] = "terms without effect"
    look_next: ClassVar[str] = (
        "Print the inputs of the term that stands still, at the line named here: an empty mask, a wrong unit or a "
        "`detach` on the way to it leaves nothing to train."
    )
    functions: ClassVar[FrozenSet[str]] = frozenset({"stack", "cat"})

    def __init__(self) -> None:
        super().__init__()
        self.scalars = Scalars()
        self.calls: Dict[str, int] = {}
        self.zeros: List[Any] = []  # the terms' values in the first steps

    def on_scalar(self, session: Session, name: str, args: Tuple[Any, ...], result: Any, site: str) -> None:
        """Remember each number on the way to the loss."""
        self.scalars.add(session.torch, name, args, result, site)

    def on_function(
        self, session: Session, name: str, args: Tuple[Any, ...], kwargs: Mapping[str, Any], result: Any, site: str
    ) -> None:
        """Remember what numbers were stacked."""
        if result.dim() == 1 and result.grad_fn is not None and args and isinstance(args[0], (list, tuple)):
            self.scalars.note(session.torch, args, result.grad_fn)

    def on_backward(self, session: Session, roots: Tuple[Any, ...], frame: Optional[FrameType]) -> None:
        """Take the loss apart, while its graph is there."""
        mode = session.watching
        if mode is None or mode.is_idle or not mode.is_entered:
            return
        site = session.user_site(frame) or ""
        self.calls[site] = call = self.calls.get(site, 0) + 1
        names = Names(session.torch, session.sites.frames(frame))
        for root in roots:
            if root.grad_fn is None or root.numel() != 1:
                continue
            terms = terms_of(root, self.scalars.is_whole)
            norms = self._norms(session, root, terms) if call in SPLIT_AT else {}
            rows = self._rows(session, terms, names, norms)
            self.zeros += [row["v"] for row in rows if row["kind"] in ("term", "constant") and row["v"] is not None]
            session.emit(KIND, at=site, root=root.detach().reshape(()).clone(), terms=rows, split=bool(norms))

    def wants_later_functions(self) -> bool:
        """Whether a term was 0, and may become something else."""
        found, self.zeros = any(float(value) == 0.0 for value in self.zeros), []
        return found

    def on_backward_done(self, session: Session) -> None:
        """The graph is gone."""
        self.scalars.clear()

    def _rows(self, session: Session, terms: List[Term], names: Names, norms: Dict[int, Any]) -> List[Dict[str, Any]]:
        loose = names.of_scalars(self.scalars)
        keys = {key for term in terms for key in term.chain}
        rows = []
        for index, term in enumerate(terms):
            row = {"coefficient": term.coefficient, "grad": norms.get(index)}
            if term.node is not None:
                row.update(self._with_graph(session, term, names))
            else:
                row.update(self._without_graph(session, term, loose, keys))
            rows.append(row)
        return rows

    def _with_graph(self, session: Session, term: Term, names: Names) -> Dict[str, Any]:
        scalar = self.scalars.by_node.get(term.chain[-1])
        name = next((names.by_node[key] for key in reversed(term.chain) if key in names.by_node), None)
        value = scalar.value if scalar is not None else names.tensors.get(term.chain[-1])
        variable = getattr(term.node, "variable", None)
        if variable is not None:
            name, value = session.parameter_name(variable), variable.detach().sum()
        return {
            "kind": "term",
            "name": name or self._written(session, scalar) or graph.kind(term.node),
            "at": scalar.site if scalar is not None else None,
            "op": graph.kind(term.node),
            "v": value,
        }

    def _without_graph(self, session: Session, term: Term, loose: Dict[int, str], keys: Any) -> Dict[str, Any]:
        operands = self.scalars.operands.get(term.place[0], ()) if term.place is not None else ()
        position = term.place[1] if term.place is not None else 0
        operand = operands[position] if position < len(operands) else None
        if isinstance(operand, (int, float)):
            return {"kind": "number", "name": None, "at": None, "v": operand}
        if not isinstance(operand, Scalar):
            return {"kind": "unknown", "name": None, "at": None, "v": None}
        base = operand.base()
        # `loss = torch.tensor(0.0)`, to which the terms are added, is where the sum starts, and no term.
        is_start = base is operand and base.is_made and position == 0
        return {
            "kind": "start" if is_start else "constant",
            "name": loose.get(id(base)) or loose.get(id(operand)) or self._written(session, base),
            "at": base.site,
            "v": base.value,
            "off": operand.is_switched_off(),
            # `loss + (x - x.detach())` changes values and gradients on purpose.
            "detached": base.is_detached and keys.isdisjoint(base.sources),
        }

    def _written(self, session: Session, scalar: Optional[Scalar]) -> Optional[str]:
        return written_name(session.settings.root, scalar.site) if scalar is not None and scalar.site else None

    def _norms(self, session: Session, root: Any, terms: List[Term]) -> Dict[int, Any]:
        """The norm of each term's gradient, from a backward pass of its own; {} where that would not be silent."""
        torch = session.torch
        nodes = [term.node for term in terms if term.node is not None]
        if not 1 < len(terms) <= MOST_SPLIT or not nodes or session.has_saved_hooks or torch.is_anomaly_enabled():
            return {}
        leaves = []
        for node in graph.every_node(root.grad_fn):
            if any(part in node.name() for part in _TWICE):
                return {}
            variable = getattr(node, "variable", None)
            if variable is not None:
                leaves.append(variable)
        if not leaves or any(getattr(leaf, "_backward_hooks", None) for leaf in leaves):
            return {}
        norms = {}
        for index, term in enumerate(terms):
            if term.node is None:
                continue
            silenced = [other.register_prehook(_zeros) for other in nodes if other is not term.node]
            try:
                gradients = torch.autograd.grad(root, leaves, retain_graph=True, allow_unused=True)
            except RuntimeError:  # the program's own backward will fail too, and say why
                return {}
            finally:
                for handle in silenced:
                    handle.remove()
            squares = [_square(g) for g in gradients if g is not None]
            norms[index] = torch.stack(squares).sum().sqrt() if squares else 0.0
        return norms

    def conclude(self, trace: Any, healthy: Mapping[str, Any]) -> Reading:
        """Terms that stood still in every look at their backward call."""
        return _conclude(trace.events(KIND), healthy)


def _zeros(gradients: Any) -> Any:
    return tuple(g * 0.0 if g is not None else None for g in gradients)


def _square(gradient: Any) -> Any:
    local = gradient.to_local() if hasattr(gradient, "to_local") else gradient
    if local.is_sparse:
        local = local.coalesce().values()
    return local.detach().abs().double().square().sum().cpu()


def _conclude(events: List[Mapping[str, Any]], limits: Mapping[str, Any]) -> Reading:
    least = int(limits["minimum_backwards"])
    by_site: Dict[str, List[Mapping[str, Any]]] = {}
    for event in events:
        by_site.setdefault(str(event.get("at")), []).append(event)
    looked = {site: rows for site, rows in by_site.items() if len(rows) >= least}
    if not looked:
        return not_seen("fewer than %d backward passes of one loss were looked at" % least)
    still, said = [], []
    for site, rows in looked.items():
        stuck, words = _of_site(rows, limits)
        still += stuck
        said.append("%s: %s" % (site.partition(" ")[0], words))
    if still:
        return unhealthy(len(still), "; ".join(still))
    return healthy(0, "every term of the loss takes part (%s)" % "; ".join(said))


def _of_site(events: List[Mapping[str, Any]], limits: Mapping[str, Any]) -> Tuple[List[str], str]:
    by_name: Dict[str, List[Mapping[str, Any]]] = {}
    for event in events:
        for row in event.get("terms") or ():
            if row.get("kind") in ("term", "constant"):
                by_name.setdefault(str(row.get("name")), []).append(row)
    stuck = []
    for name, rows in by_name.items():
        why = _stands_still(rows) if len(rows) >= len(events) else None
        is_loose = rows[-1].get("kind") == "term" and value_of(rows[-1].get("v")) == 0.0
        if is_loose and (value_of(events[-1].get("s")) or 0) < limits["minimum_steps"]:
            why = None  # a mask or margin that lets nothing through yet
        # A loss of one term has no other part that could go on training.
        if why is not None and len(by_name) > 1:
            at = str(rows[-1].get("at") or "").partition(" ")[0]
            stuck.append("`%s`%s %s in %d backward passes" % (name, " (%s)" % at if at else "", why, len(rows)))
    return stuck, _shares(by_name)


def _stands_still(rows: List[Mapping[str, Any]]) -> Optional[str]:
    """Why a term has no effect in any of its rows; None where it has one, or that is not known."""
    if any(row.get("off") or value_of(row.get("coefficient")) in (0.0, None) for row in rows):
        return None  # switched off by its weight
    values = [value_of(row.get("v")) for row in rows]
    kinds = {row.get("kind") for row in rows}
    if kinds == {"constant"}:
        if all(row.get("detached") for row in rows):
            return "is cut from its graph: it counts and trains nothing"
        return "is 0 and has no gradient" if all(v == 0.0 for v in values) else None
    gradients = [value_of(row.get("grad")) for row in rows if row.get("grad") is not None]
    if kinds != {"term"} or len(gradients) < 1 or any(g is None or g > _EVEN for g in gradients):
        return None
    if None in values or len(set(values)) != 1 or math.isnan(values[0] or 0.0):
        return None
    return "stays at %.4g and has no gradient" % (values[0] or 0.0)


def _shares(by_name: Mapping[str, List[Mapping[str, Any]]]) -> str:
    """Each term's mean share of the gradients' norms, in words."""
    norms = {name: finite(row.get("grad") for row in rows) for name, rows in by_name.items()}
    means = {name: mean(values) for name, values in norms.items() if values}
    total = sum(means.values())
    if len(means) < 2 or total <= 0:
        return ", ".join(by_name)
    return ", ".join("%s %.0f %% of the gradient" % (name, 100 * value / total) for name, value in means.items())
