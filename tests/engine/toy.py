"""A small rule and codemod with which the engine is tested: calls of ``torch.old(...)``, renamed to ``torch.new``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from mlfix.analyzer.engine import Request
from mlfix.analyzer.findings import Applicability, Finding, Fix, Level
from mlfix.analyzer.graph.project import Project
from mlfix.analyzer.graph.symbols import Symbol
from mlfix.analyzer.project.settings import Settings
from mlfix.analyzer.rule import Proof, Rule
from mlfix.analyzer.source.module import Module
from mlfix.codemods.surgery import replace_node


class OldCall(Rule):
    name = "old-call"
    code = "MLF990"
    level = Level.BREAKS
    symptom = "It is old."
    proof = Proof("none", "none")
    triggers = (b"old",)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        for call in module.calls():
            if project.external(module, call.func) == "torch.old":
                note = module.evidence(call, "called here")
                yield self.finding(
                    module, call.func, "`torch.old` is old", evidence=[note], repair={"line": call.lineno}
                )


class CalledFromElsewhere(Rule):
    """Finds functions named in another file's call: a finding whose cause lies in that other file."""

    name = "called-elsewhere"
    code = "MLF991"
    level = Level.WASTES
    symptom = "It is called."
    proof = Proof("none", "none")
    triggers = (b"def helper",)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        for function in module.facts.functions:
            for site in project.call_sites(Symbol(module.path, function.qualname)):
                node = next(n for n in ast.walk(module.tree) if isinstance(n, ast.FunctionDef))
                text = project.module(site.path).line(site.line)
                note = project.module(site.path).evidence(node, text)
                yield self.finding(module, node, f"called at {site.path}:{site.line}", evidence=[note])


def rename(finding: Finding, project: Project) -> Fix:
    module = project.module(finding.location.path)
    place = finding.location
    node = next(c.func for c in module.calls() if module.location(c.func) == place)
    return Fix(Applicability.SAFE, "use `torch.new`", (replace_node(module, node, "torch.new"),))


def request(root: Path, **options: object) -> Request:
    given = {"rules": [OldCall()], "codemods": {"old-call": rename}, "settings": Settings(), "jobs": 1, **options}
    return Request(root=root, **given)  # pyright: ignore[reportArgumentType]


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode() if isinstance(text, str) else text)
    return root
