"""MLF101: mixed precision under a name that the repository's torch does not have, or deprecates."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from packaging.version import Version

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from .. import knowledge
from ._amp_import_cases import INVALID, VALID
from ._amp_import_proof import PROOF
from ._amp_targets import Target, target_of
from ._amp_uses import MODULES, Source, Use, may_use_amp, name_parts, reexports, sources
from ._stated import Stated, declared_lower, said, stated

_MOST_USES = 12
_SUPPRESSION = "mlfix: ignore"


class AmpImport(Rule):
    """What it does
    ------------
    Compares every way to name torch's mixed precision (``torch.amp``, ``torch.cuda.amp``, ``torch.cpu.amp``,
    ``torch.autocast``, ``torch.GradScaler``; imported, through an alias, or as an attribute with no import line) with
    the releases of torch that the repository's own files admit. Reports a name that some of them lack, and one that
    all of them deprecate. Code under ``try``/``except``, a version check, ``hasattr`` or a flag of these is left alone.

    Why it is bad
    -------------
    ``torch.amp.GradScaler`` exists from torch 2.3 on, the package ``torch.amp`` from 1.12 on. With an older torch the
    script ends at the import, or, for an attribute, in the middle of the set-up. ``torch.cuda.amp.*`` is deprecated
    from torch 2.4 on and warns each time that it is used.

    What you see
    ------------
    ``ImportError: cannot import name 'GradScaler' from 'torch.amp'``, or ``AttributeError: module 'torch.amp' has no
    attribute 'GradScaler'``, on the machine that installed what the files ask for; or a FutureWarning each step.

    Example
    -------
    Bad::

        # requirements.txt: torch==1.9.0
        from torch.amp import autocast, GradScaler           # torch 1.9 has no torch.amp
        with autocast("cuda", enabled=use_amp): ...

    Good::

        from torch.cuda.amp import autocast, GradScaler
        with autocast(enabled=use_amp): ...

    Fix safety
    ----------
    Safe: the import and every use of what it binds are rewritten together, also in files that take the name from
    this one. Arguments keep their meaning: the device is added or taken out, and a positional argument that would land
    in another parameter is named. A device that is only known at run time becomes part of ``enabled``, since old
    releases have mixed precision on CUDA alone. Where the range has releases with and without the new name, the import
    tries the new one first. No fix where a use cannot be followed (a class handed on as a value, ``*args``).

    References
    ----------
    - https://docs.pytorch.org/docs/stable/amp.html (deprecation notes)
    - ``rules/knowledge/torch_api.yaml`` and ``torch_signatures.yaml``, read from the released wheels
    """

    name: ClassVar[str] = "amp-import"
    code: ClassVar[str] = "MLF101"
    level: ClassVar[Level] = Level.BREAKS
    symptom: ClassVar[str] = "The script ends with an ImportError or AttributeError on the torch that it asks for."
    proof: ClassVar[Proof] = PROOF
    triggers: ClassVar[tuple[bytes, ...]] = (
        b"autocast",
        b"GradScaler",
        b"custom_fwd",
        b"custom_bwd",
        b"torch.amp",
    )
    VALID = VALID
    INVALID = INVALID

    def wants(self, facts: FileFacts) -> bool:
        """Mixed precision has to be named."""
        return may_use_amp(facts)

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """One finding for each import that leads to names which the range lacks, and one for deprecated ones."""
        view = stated(project, "torch", module.path)
        if view is None:
            return

        def concerns(name: str) -> bool:
            return _is_missing(name, view) or _is_deprecated(name, view)

        for source in sources(module, project, concerns):
            missing = [name for name in _names(source) if _is_missing(name, view)]
            if missing:
                yield self._missing(module, project, source, missing, view)
                continue
            old = [name for name in _names(source) if _is_deprecated(name, view)]
            if old and not source.has_guarded_uses:
                found = self._deprecated(module, project, source, old, view)
                if found is not None:
                    yield found

    def _missing(self, module: Module, project: Project, source: Source, names: list[str], view: Stated) -> Finding:
        firsts = {name: _first(name) for name in names}
        latest = max(firsts.values())
        whole = any(view.all_before(first) for first in firsts.values())
        uses = [u for u in source.uses if u.name in firsts]
        fails_at_import = any(name in firsts for _, name in source.bound) or _target_missing(source, view)
        runs = [u for u in uses if not _is_lazy(u)]
        node = source.statement if fails_at_import or not runs else runs[0].node
        verb = "pins" if view.range.is_exact else "admits"
        message = f"{_exist(firsts)}, but {view.place} {verb} {said(view.oldest_before(latest))}"
        facts = [
            Evidence(module.path, source.statement.lineno, f"{name}: {_api(name).source}") for name in sorted(firsts)
        ]
        evidence = [*view.evidence(), *_places(source, uses, "needs"), *facts[:1]]
        return self._found(
            module, project, source, node, names, message, evidence, view.confidence(whole=whole), self.level, view
        )

    def _deprecated(
        self, module: Module, project: Project, source: Source, names: list[str], view: Stated
    ) -> Finding | None:
        uses = [u for u in source.uses if u.name in names]
        if not any(not _is_annotation(u) for u in uses):
            return None
        since = max(v for v in (_api(name).deprecated for name in names) if v is not None)
        lower = declared_lower(project, "torch", module.path)
        # An image is one place to run in: the code may well support an older torch elsewhere.
        certain = view.is_bound and view.all_from(since) and (lower is None or lower >= since)
        if lower is not None and any(isinstance(target_of(n, view), Target) and lower < _new_first(n) for n in names):
            return None
        confidence = view.confidence(whole=True) if certain else Confidence.LOW
        message = f"{_listed(names)} {'is' if len(names) == 1 else 'are'} deprecated from torch {said(since)} on"
        asked = said(view.lowest) if view.lowest is not None else "a newer one"
        message += f", and {view.place} asks for {asked}{'' if view.range.is_exact else ' or newer'}"
        bound = any(name in names for _, name in source.bound)
        node = source.statement if bound else uses[0].node
        evidence = [*view.evidence(), *_places(source, uses, "uses")]
        evidence.append(Evidence(module.path, source.statement.lineno, f"{names[0]}: {_api(names[0]).source}"))
        return self._found(module, project, source, node, names, message, evidence, confidence, Level.WASTES, view)

    def _found(
        self,
        module: Module,
        project: Project,
        source: Source,
        node: ast.AST,
        names: list[str],
        message: str,
        evidence: Sequence[Evidence],
        confidence: Confidence,
        level: Level,
        view: Stated,
    ) -> Finding:
        repair, reason = _repair(module, project, source, names, view)
        places = [node, *(u.node for u in source.uses if u.name in names)]
        # The import and its uses change together: a comment that silences one of them silences the change.
        node = next((p for p in places if _SUPPRESSION in module.line_text(p)), node)
        return self.finding(
            module,
            node,
            message,
            evidence=evidence,
            confidence=confidence,
            repair=repair,
            no_fix=reason,
            level=level,
        )


def _names(source: Source) -> list[str]:
    """What an import needs of torch: what it binds itself, and what is used through it."""
    named = [name for _, name in source.bound]
    if source.form in ("module", "root", "star") and source.target != "torch":
        named.append(source.target)
    runs = [u.name for u in source.uses if not _is_lazy(u)]
    return list(dict.fromkeys([*named, *runs]))


def _is_missing(name: str, view: Stated) -> bool:
    fact = knowledge.api(name)
    return fact is not None and view.some_before(fact.first)


def _is_deprecated(name: str, view: Stated) -> bool:
    fact = knowledge.api(name)
    if fact is None or fact.deprecated is None or not view.some_from(fact.deprecated) or view.lowest is None:
        return False
    return view.all_from(_new_first(name))


def _new_first(name: str) -> Version:
    """The first release of the spelling that torch recommends for an old one."""
    fact = _api(name)
    newer = knowledge.api(fact.replacement) if fact.replacement else None
    return newer.first if newer is not None else fact.deprecated or fact.first


def _api(name: str) -> knowledge.ApiName:
    fact = knowledge.api(name)
    assert fact is not None
    return fact


def _first(name: str) -> Version:
    return _api(name).first


def _target_missing(source: Source, view: Stated) -> bool:
    return source.form != "from" and source.target != "torch" and _is_missing(source.target, view)


def _exist(firsts: dict[str, Version]) -> str:
    symbols = {name: first for name, first in firsts.items() if name not in MODULES} or firsts
    ordered = sorted(symbols.items(), key=lambda item: (item[1], item[0]))
    (name, version), *others = ordered
    rest = "".join(f" and `{other}` from {said(first)}" for other, first in others)
    return f"`{name}` exists from torch {said(version)}{rest}"


def _listed(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _places(source: Source, uses: list[Use], verb: str) -> list[Evidence]:
    lines: dict[int, Evidence] = {}
    module = uses[0].module if uses else None
    if module is not None:
        statement = source.statement
        if source.bound or source.target != "torch":
            lines[statement.lineno] = module.evidence(statement, f"`{module.snippet(statement)}`")
        for use in uses[:_MOST_USES]:
            lines.setdefault(use.node.lineno, module.evidence(use.node, f"{verb} `{use.name}`"))
    return list(lines.values())


def _is_annotation(use: Use) -> bool:
    return _annotated(use) is not None


def _annotated(use: Use) -> ast.AST | None:
    """The node whose annotation a use is part of."""
    child: ast.AST = use.node
    for parent in use.module.ancestors(use.node):
        if getattr(parent, "annotation", None) is child or getattr(parent, "returns", None) is child:
            return parent
        if isinstance(parent, ast.stmt):
            return None
        child = parent
    return None


def _is_lazy(use: Use) -> bool:
    """Whether a use is an annotation that is never evaluated: by a future import, or as a local variable's."""
    owner = _annotated(use)
    if owner is None:
        return False
    if any(i.target == "__future__.annotations" for i in use.module.facts.imports):
        return True
    return isinstance(owner, ast.AnnAssign) and use.module.scope_of(owner).is_function


def _repair(
    module: Module, project: Project, source: Source, names: list[str], view: Stated
) -> tuple[dict[str, Any] | None, str]:
    """Plain data for the codemod, or the reason why there is no fix."""
    moves: dict[str, Any] = {}
    for name in names:
        if name_parts(name)[1] in ("amp", "autocast_mode", "grad_scaler"):
            continue  # a module: its uses say where to go
        target = target_of(name, view)
        if isinstance(target, str):
            return None, target
        moves[name] = target.data()
    if not moves and source.form != "root":
        return None, "nothing of it is used here: remove the import"
    uses = [_use_data(u) for u in source.uses if u.name in moves or source.form == "star"]
    for local, name in source.bound:
        if name in moves and isinstance(module.parent(source.statement), ast.Module):
            takers, by_star = reexports(project, module.path, local)
            if by_star:
                return None, f"`{local}` goes on to other files by a star import: import it there by name first"
            for path, own in takers:
                found = _uses_elsewhere(project, path, own, name)
                if found is None:
                    return None, f"`{local}` is used in {path} in a way that cannot be followed"
                uses += found
    start, end = module.span(source.statement)
    return {
        "form": source.form,
        "statement": (start, end),
        "local": source.local,
        "target": source.target,
        "missing": tuple(n for n in names if n not in moves),
        "moves": moves,
        "uses": tuple(uses),
    }, ""


def _use_data(use: Use) -> dict[str, Any]:
    return {
        "path": use.module.path,
        "span": use.module.span(use.node),
        "name": use.name,
        "alias": use.module.span(use.alias) if use.alias is not None else None,
    }


def _uses_elsewhere(project: Project, path: str, own: str, name: str) -> list[dict[str, Any]] | None:
    """Uses of a name in a file that takes it from another one."""
    other = project.try_module(path)
    if other is None:
        return None
    last = own.rpartition(".")[2]
    found: list[dict[str, Any]] = []
    for node in ast.walk(other.tree):
        if not isinstance(node, (ast.Name, ast.Attribute)) or not isinstance(node.ctx, ast.Load):
            continue
        written = node.id if isinstance(node, ast.Name) else node.attr
        if written == last and project.external(other, node) == name:
            found.append({"path": path, "span": other.span(node), "name": name, "alias": None})
    return found
