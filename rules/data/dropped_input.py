"""Inputs that are loaded and never reach the network."""

from __future__ import annotations

from collections.abc import Iterator

from ...analyzer.findings import Confidence, Finding, Level
from ...analyzer.flow.items.feeding import feeds_items
from ...analyzer.flow.items.making import makes_items
from ...analyzer.flow.items.marks import READS
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from ._dropped_input_cases import INVALID, VALID
from ._dropped_loads import STACKS, Dropped, dropped, may_drop


class DroppedInput(Rule):
    """A mask or channel that is loaded with others, and is not in what the dataset returns.

    What it does
    ------------
    Finds three or more inputs that are loaded side by side while an item is made - unpacked from one call that reads
    them one by one, or read by the same function - of which at least two are stacked into the item's tensor and another
    one goes nowhere: nothing that is returned, decided, stored or called depends on any value of its name. Likewise two
    or more masks that one function makes from what was loaded, of which one is stacked. An item is made by
    ``__getitem__`` and what it calls, and by the functions whose results a dataset is given. Names that start with
    ``_`` are left out on purpose.

    Why it is bad
    -------------
    The network never sees what somebody took the trouble to load. Where the dropped mask tells classes apart, no
    training can learn to.

    What you see
    ------------
    Nothing: losses fall, and the features that the dropped input would have given are missing.

    Example
    -------
    Bad::

        raw, pre, post, cleft = [volumes[name][window] for name in NAMES]
        return np.stack([raw, pre, cleft])

    Good::

        raw, pre, post, cleft = [volumes[name][window] for name in NAMES]
        return np.stack([raw, pre, post, cleft])

    Fix safety
    ----------
    Advice: the edit that stacks the dropped inputs too is shown, and never written, since the network's first layer
    must take as many channels more. Where the input is not meant to be used, do not load it.

    References
    ----------
    - https://docs.pytorch.org/docs/stable/generated/torch.stack.html
    """

    name = "dropped-input"
    code = "MLF203"
    level = Level.BREAKS
    symptom = "What the dropped input shows cannot be learnt; no number says so."
    proof = Proof(
        "data-contract", "channels that reach the model; advice changes no file, so there is nothing to compare"
    )
    triggers = (b"stack(", b"concatenate(", b"cat(", b"merge(")
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Whether the file stacks something, and makes items or reads files; tests load what they like."""
        called = facts.called
        makes = any("__getitem__" in klass.methods for klass in facts.classes)
        return not is_test(facts.path) and not called.isdisjoint(STACKS) and (makes or not called.isdisjoint(READS))

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """The functions of the file that make items, or are on the way to it."""
        for scope in module.scopes():
            if not scope.is_function or not may_drop(scope):
                continue
            for found in dropped(project.flow, module, scope):
                if makes_items(project, module, scope) or feeds_items(project, module, scope):
                    yield self._report(module, found)

    def _report(self, module: Module, found: Dropped) -> Finding:
        lost = " and ".join(f"`{name}`" for name in found.unused)
        is_one = len(found.unused) == 1
        done = "made" if found.are_masks else "loaded"
        sort = "masks" if found.are_masks else "inputs"
        told = f"{lost} {'is' if is_one else 'are'} {done} and never used"
        return self.finding(
            module,
            found.load,
            f"{told}: `{module.snippet(found.stack)}` leaves {'it' if is_one else 'them'} out",
            evidence=[
                module.evidence(found.load, f"{len(found.names)} {sort} are {done}: {', '.join(found.names)}"),
                module.evidence(found.stack, f"these are stacked; nothing depends on {lost}"),
            ],
            confidence=Confidence.MEDIUM if found.are_masks else Confidence.HIGH,
            repair={"stack": module.span(found.stack), "names": list(found.unused)},
        )
