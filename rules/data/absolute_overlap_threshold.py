"""A component kept for its share of the crop, where its own share in the crop is meant."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.values.frames import Operand
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import key_of
from ...analyzer.source.syntax import Syntax, in_order
from ._absolute_overlap_threshold_cases import INVALID, VALID
from ._overlap_volumes import Counted, counted_in, is_volume, lines_that_say, says_own_share

_COUNTS = frozenset({b"count_nonzero", b"sum("})
_VOLUMES = frozenset({b"** 3", b"**3", b"** 2", b"**2", b".size", b"prod(", b"numel("})
_SAYINGS = frozenset(
    {
        *(b"overlap", b"visib", b"Overlap", b"hare of", b"raction of", b"art of", b"roportion of", b"atio of"),
        *(b"ercentage of", b"ercent of", b"ow much of", b"nough of"),
    }
)
_ASKS = (ast.Gt, ast.GtE, ast.Lt, ast.LtE)


class AbsoluteOverlapThreshold(Rule):
    """A threshold on how much of a component lies in a crop, measured against the crop.

    What it does
    ------------
    Finds comparisons of the number of voxels of one component (``np.count_nonzero(labels == label)``) with a share of a
    whole volume (``share * size ** 3``, ``share * crop.size``), or of their quotient with the share, where the share is
    said to be one of the component: the documentation of the function or the class says so, or else its name speaks of
    *overlap*. For a mask that is counted as a whole (``masks[channel].sum()``), the documentation must speak of a share
    of the *original* or *whole* object that is left. Thresholds that are said to be of the crop are left alone.

    Why it is bad
    -------------
    A large component passes with a sliver of itself in the crop, and a small one fails though all of it is there. What
    the crop shows has little to do with what the threshold was set for.

    What you see
    ------------
    Crops with hardly any of their object; small objects that are never sampled.

    Example
    -------
    Bad::

        np.count_nonzero(crop == label) > min_overlap * size ** 3

    Good::

        np.count_nonzero(crop == label) > min_overlap * np.count_nonzero(volume == label)

    Fix safety
    ----------
    Advice: the volume that the component is whole in must be at hand there, and the threshold's value has another
    meaning afterwards.

    References
    ----------
    - https://numpy.org/doc/stable/reference/generated/numpy.count_nonzero.html
    """

    name = "absolute-overlap-threshold"
    code = "MLF205"
    level = Level.WASTES
    symptom = "Kept crops hold a sliver of their object, and small objects are passed over."
    proof = Proof(
        "object-position", "share of the component left in kept crops; its whole size is in no batch to be seen"
    )
    triggers = tuple(sorted(_COUNTS | _VOLUMES | _SAYINGS))
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether the file counts something, has sizes, and says what a share is of; tests ask what they like."""
        return not is_test(facts.path) and not any(
            facts.tokens.isdisjoint(wanted) for wanted in (_COUNTS, _VOLUMES, _SAYINGS)
        )

    def screen(self, syntax: Syntax, facts: FileFacts) -> bool:
        """A comparison of the kind."""
        return any(len(node.ops) == 1 and isinstance(node.ops[0], _ASKS) for node in syntax.comparisons)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Each comparison in a function."""
        lines = lines_that_say(module)
        for node in in_order(module.syntax.comparisons) if lines else ():
            if len(node.ops) != 1 or not isinstance(node.ops[0], _ASKS):
                continue
            if not any(node.lineno in part for part in lines):
                continue
            found = self._of_comparison(project, module, node)
            if found is not None:
                yield found

    def _of_comparison(self, project: Project, module: Module, node: ast.Compare) -> Finding | None:
        frame = project.flow.frame(module, node)
        sides = [Operand(node.left, frame), Operand(node.comparators[0], frame)]
        for counted, bound in (sides, sides[::-1]):
            what = counted_in(project.flow, counted)
            if what is None and not _is_quotient(counted.node):
                continue  # before the callers are asked what the other side is
            share = _share_of_volume(project, bound)
            if share is None:
                what, share = _quotient(project, counted), bound
            if what is None:
                continue
            told = says_own_share(module, node, share, what.is_mask)
            if told is None:
                return None
            return self._report(module, node, what.array, share, told)
        return None

    def _report(self, module: Module, node: ast.Compare, component: Operand, share: Operand, told: Evidence) -> Finding:
        return self.finding(
            module,
            node,
            f"`{share.text()}` is a share of the crop's volume here, and not of the component `{component.text()}`",
            evidence=[told, module.evidence(node, f"`{component.text()}` is counted in the crop alone")],
            confidence=Confidence.MEDIUM,
            no_fix=f"compare with `{share.text()}` times the component's own size in the whole volume instead",
        )


def _quotient(project: Project, op: Operand) -> Counted | None:
    """What is counted in ``np.count_nonzero(crop == label) / crop.size``."""
    node = op.node
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div):
        return None
    return counted_in(project.flow, op.sub(node.left)) if is_volume(project.flow, op.sub(node.right)) else None


def _is_quotient(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


def _share_of_volume(project: Project, op: Operand, depth: int = 0) -> Operand | None:
    """``share`` of ``share * size ** 3``, through names."""
    node = op.node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for share, volume in ((node.left, node.right), (node.right, node.left)):
            if is_volume(project.flow, op.sub(volume)) and key_of(share) is not None:
                return op.sub(share)
    if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.func, ast.Name) and node.func.id == "int":
        return _share_of_volume(project, op.sub(node.args[0]), depth + 1)
    if isinstance(node, ast.Name) and depth < 4:
        sources = [s.operand for s in project.flow.sources(op) if s.operand is not None and not s.index]
        found = [_share_of_volume(project, s, depth + 1) for s in sources]
        return found[0] if len(found) == 1 else None
    return None
