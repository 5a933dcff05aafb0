"""MLF404: a write into a tensor that autograd has saved for the backward pass."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.flow.autograd.applying import Applying
from ...analyzer.flow.autograd.bodies import Body, writes_at_all, writing
from ...analyzer.flow.autograd.breaks import Break, breaks, may_break
from ...analyzer.flow.autograd.ends import may_end
from ...analyzer.flow.autograd.fates import End
from ...analyzer.flow.autograd.gradients import Need
from ...analyzer.flow.autograd.modes import is_recorded_here, unrecorded
from ...analyzer.flow.autograd.weights import WeightWrite, may_be_weight, weight_writes
from ...analyzer.flow.autograd.writes import WRITING, How, Write, is_function
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ...analyzer.source.scopes import key_of
from ...analyzer.source.syntax import Syntax
from ..knowledge.saved_values import saved_values
from ._inplace_autograd_cases import INVALID, VALID
from ._inplace_autograd_proof import PROOF

_OPERATIONS = (
    *(b"exp(", b"softmax", b"Softmax", b"sigmoid", b"Sigmoid", b"tanh", b"Tanh", b"relu", b"ReLU", b"sqrt(", b"norm("),
    *(b"log(", b"reciprocal(", b"cdist(", b"Conv", b"Linear", b"parameters()", b"Parameter("),
)
_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
_NESTING = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class InplaceAutograd(Rule):
    """What it does
    ------------
    Finds writes in place (``fill_diagonal_``, ``masked_fill_``, ``+=``, an assignment to a part) into a tensor whose
    value autograd has saved: the result of ``exp``, ``softmax``, ``sigmoid``, ``relu``, ``sqrt``, ``norm`` and the
    like, or what ``log``, ``pow``, a convolution or a norm layer was applied to before. Which operation saves what is a
    table, checked against torch's own derivatives. The value must need a gradient, and what is made of it must reach
    a ``backward()``, a loss or a model's output. Writes into weights and views of them outside of ``no_grad`` are
    found, too.

    Why it is bad
    -------------
    The backward pass needs the value as it was. autograd counts each tensor's changes, sees that the saved one has
    another count, and refuses to run.

    What you see
    ------------
    ``RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation`` at
    the first ``backward()``, far from the line that is at fault; for a weight, ``a leaf Variable that requires grad is
    being used in an in-place operation``.

    Example
    -------
    Bad::

        exp_sim = torch.exp(sim)
        exp_sim.fill_diagonal_(0)        # exp's backward multiplies by its own result

    Good::

        exp_sim = torch.exp(sim)
        exp_sim = exp_sim.clone()
        exp_sim.fill_diagonal_(0)

    Fix safety
    ----------
    Safe: the same numbers, out of place (``x = x + y``, ``masked_fill``) or in a copy. Code that only ran without
    gradients gives what it gave before. Where another name holds the same memory and is read later, there is no fix,
    since that name would no longer see the change.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-operations-with-autograd
    - https://github.com/pytorch/pytorch/blob/main/tools/autograd/derivatives.yaml
    """

    name: ClassVar[str] = "inplace-autograd"
    code: ClassVar[str] = "MLF404"
    level: ClassVar[Level] = Level.BREAKS
    symptom: ClassVar[str] = (
        'backward() stops with "one of the variables needed for gradient computation has been modified by an inplace '
        'operation".'
    )
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = _OPERATIONS
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """A file that uses torch and writes in place."""
        return any(i.target.partition(".")[0] == "torch" for i in facts.imports) and writes_at_all(facts, WRITING)

    def screen(self, syntax: Syntax, facts: FileFacts) -> bool:
        """A write into what an operation may have saved, or into a weight."""
        applying = Applying(syntax.assignments, facts, saved_values())
        silent = unrecorded(facts)
        for qualname, owner in writing(syntax, facts, WRITING):
            if qualname in silent:
                continue
            body = Body(owner.body, applying)
            if any(may_break(*write, body) or may_be_weight(*write, applying) for write in body.written):
                return True
        return False

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding a write; a function's own syntax is asked first, and who calls it last."""
        table = saved_values()
        applying = Applying(module.syntax.assignments, module.facts, table)
        for _, owner in writing(module.syntax, module.facts, WRITING):
            body = Body(owner.body, applying, module)
            saved = [found for found in body.written if may_break(*found, body)]
            weights = [found for found in body.written if may_be_weight(*found, applying)]
            if saved and may_end(owner, module, project):
                for broken in breaks(_open(saved, module, project), body, module, project, table):
                    yield self._of_value(broken, module, project)
            for weight in weight_writes(_open(weights, module, project), module, project):
                yield self._of_weight(weight, module)

    def _of_value(self, found: Break, module: Module, project: Project) -> Finding:
        planned = _plan(found, module)
        name = f"`{key_of(found.name)}`" if found.name is not None else f"`{module.snippet(found.write.target)}`"
        saved = (
            f"as the result of `{found.operation}`"
            if not found.is_input
            else f"for the backward pass of {found.operation}"
        )
        shown = [module.evidence(found.write.node, f"this changes {name} in place")]
        if found.fate.shown is not None:
            shown.append(found.fate.shown)
        return self.finding(
            module,
            found.write.node,
            f"{name} is changed in place after autograd saved it {saved}",
            evidence=[*found.trail, *shown],
            confidence=_confidence(found, project),
            repair=planned if isinstance(planned, dict) else None,
            no_fix=planned if isinstance(planned, str) else "",
        )

    def _of_weight(self, found: WeightWrite, module: Module) -> Finding:
        node = found.write.node
        statement = module.statement(node)
        planned: dict[str, Any] | str = {"kind": "weight", "statement": _place(statement)}
        if found.is_view:
            planned = {"kind": "view", "name": module.span(found.name)}
        elif _shares_line(statement, module) or not isinstance(statement, (ast.Expr, ast.AugAssign, ast.Assign)):
            planned = "the write stands inside of another statement: put it under torch.no_grad() by hand"
        changed = (
            f"`{key_of(found.name)}`, a view of a weight," if found.is_view else f"the weight `{key_of(found.name)}`"
        )
        return self.finding(
            module,
            node,
            f"{changed} is changed in place while autograd records",
            evidence=[*found.trail, Evidence(module.path, node.lineno, "no `torch.no_grad()` around it")],
            repair=planned if isinstance(planned, dict) else None,
            no_fix=planned if isinstance(planned, str) else "",
        )


def _open(
    found: Iterable[tuple[Write, ast.expr]], module: Module, project: Project
) -> Iterator[tuple[Write, ast.expr]]:
    """Those of some writes that are into tensors, and are recorded as far as their own function says."""
    for write, base in found:
        if not is_function(write, module, project) and is_recorded_here(module, write.node, project):
            yield write, base


def _confidence(found: Break, project: Project) -> Confidence:
    if found.is_conditional or _keeps_state(found):
        return Confidence.LOW
    trains = bool(project.possible_call_sites("backward") or project.possible_call_sites("manual_backward"))
    is_trained, end = found.need is Need.TRAINED, found.fate.end
    if end is End.BACKWARD:
        best = Confidence.HIGH if is_trained else Confidence.MEDIUM if found.fate.is_model else Confidence.LOW
    elif end is End.LOSS:
        best = Confidence.HIGH if is_trained and trains else Confidence.MEDIUM
    else:
        best = Confidence.HIGH if is_trained and trains else Confidence.LOW
    return best if found.is_certain else max(best, Confidence.MEDIUM)


def _keeps_state(found: Break) -> bool:
    """``state.copy_(new_state)`` into what the caller gave: a cache of decoding, which goes on without a backward."""
    node = found.write.node
    name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
    return found.is_given and found.is_input and name == "copy_"


def _plan(found: Break, module: Module) -> dict[str, Any] | str:
    """What the codemod needs, or why there is no fix."""
    write, node = found.write, found.write.node
    statement = module.statement(node)
    if found.others:
        return (
            f"`{found.others[0]}` holds the same memory and is read later: change a copy, and decide which one it reads"
        )
    if found.is_given and write.how is not How.AUGMENTED:
        return "the tensor belongs to the caller, which may count on the change: return a changed copy instead"
    inside = any(isinstance(a, _NESTING) for a in module.ancestors(node) if a.__class__ is not ast.Module)
    if not isinstance(statement, _SIMPLE) or _shares_line(statement, module) or inside:
        return "there is no place for a copy inside of this statement: give the tensor a line of its own first"
    if found.name is None:
        kind = "twin" if write.twin else "clone"
        return {"kind": kind, "call": module.span(node), "target": module.span(write.target)}
    whole = found.name is write.target
    if found.is_element or (whole and write.how is How.AUGMENTED):
        return {"kind": "augmented", "statement": _place(statement)}
    if whole and write.twin and isinstance(statement, ast.Expr) and statement.value is node:
        return {
            "kind": "method",
            "statement": _place(statement),
            "twin": write.twin,
            "target": module.span(write.target),
        }
    return {"kind": "copy", "statement": _place(_outermost(statement, found, module)), "name": key_of(found.name)}


def _outermost(statement: ast.stmt, found: Break, module: Module) -> ast.stmt:
    """The write's statement, or the outermost loop around it that the saved value enters from outside."""
    made = {line for evidence in found.trail for line in [evidence.line] if evidence.path == module.path}
    chosen = statement
    for above in module.ancestors(statement):
        if isinstance(above, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            break
        if isinstance(above, (ast.For, ast.While)):
            if any(above.lineno <= line <= (above.end_lineno or above.lineno) for line in made):
                break
            chosen = above
    return chosen


def _place(statement: ast.stmt) -> tuple[int, int]:
    return statement.lineno, statement.col_offset


def _shares_line(statement: ast.stmt, module: Module) -> bool:
    before = module.line_text(statement).encode()[: statement.col_offset]
    last = module.line(statement.end_lineno or statement.lineno).encode()[statement.end_col_offset or 0 :]
    return bool(before.strip()) or last.lstrip().startswith(b";")
