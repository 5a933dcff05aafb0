"""MLF301: the model that was written is not the model that is trained."""

from __future__ import annotations

from collections.abc import Iterator

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.graph.project import Project
from ...analyzer.graph.symbols import Symbol
from ...analyzer.rule import Rule
from ...analyzer.source.facts import FileFacts
from ...analyzer.source.module import Module
from . import _unused_backbone_cases as cases
from ._choices import name_of
from ._contradictions import Contradiction, contradictions, may_contradict
from ._missing_names import MissingName, missing_names
from ._standins import STRONG, StandIn, StandIns, way_to
from ._unused_backbone_proof import PROOF

_SURE = STRONG + 1


class UnusedBackbone(Rule):
    """A backbone is written but never reached, while another one is built under its name.

    What it does
    ------------
    Follows imports, uses of names, instantiation, inheritance and calls from every script, console command and
    ``python -m`` package, and looks for

    - a model class that no program reaches, while a namesake takes its place: the same name after words like
      ``True``, ``Pseudo`` or ``Transformer``; layers of a dimension that the name denies; a file ``*_old.py`` wired in;
      a choice that names the unreached class or its file;
    - a choice whose numbers contradict what it builds (``"resnet50"`` builds ``resnet34``);
    - an import of a name that the module lacks, where the module has the class under another name.

    Classes that a registry, a decorator, ``getattr``, ``eval``, a string or a config file may look up are left alone,
    and so is what a packaged library lists in ``__all__``. An unreached class without a stand-in is only dead code.

    Why it is bad
    -------------
    Everything runs, and every number belongs to another architecture than the one that is reported.

    What you see
    ------------
    Fewer parameters, less memory and worse results than the architecture should give; a change in the backbone's file
    changes nothing at all.

    Example
    -------
    Bad (``models/swin3d.py`` holds ``TrueSwin3D``, which nothing uses)::

        class SwinTransformer3D(nn.Module):        # models/simclr3d.py: 2-D windows, slice by slice
            ...

        if cfg.backbone == "swin3d":
            return SwinTransformer3D(cfg.in_channels)

    Good::

        from .swin3d import TrueSwin3D

        if cfg.backbone == "swin3d":
            return TrueSwin3D(cfg.in_channels)

    Fix safety
    ----------
    Unsafe: another architecture is trained, and old checkpoints do not fit it. The construction is re-pointed only
    where the wanted class takes the same arguments and inputs and has the attributes that the program reads.

    References
    ----------
    - Python language reference, section 5 (the import system)
    - Liu et al., Video Swin Transformer, 2021: https://arxiv.org/abs/2106.13230
    """

    name = "unused-backbone"
    code = "MLF301"
    level = Level.BREAKS
    symptom = "Another architecture is trained than the one that was written and chosen; changes to it have no effect."
    proof = PROOF
    VALID = cases.VALID
    INVALID = cases.INVALID

    def wants(self, facts: FileFacts) -> bool:
        """No file on its own: only the whole project says what is reached."""
        return False

    def check_project(self, project: Project) -> Iterator[Finding]:
        """Everything that the training programs build instead of what is written or chosen."""
        if not _has_models(project) or not project.reach.trained.parts:
            return
        for path, facts in project.files.items():
            if Symbol(path, "") in project.reach.trained and may_contradict(project, facts):
                module = project.try_module(path)
                if module is not None:
                    yield from (self._contradiction(module, found) for found in contradictions(module, project))
        if project.reach.reached.imports_by_name:
            return
        missed: set[Symbol] = set()
        for missing in missing_names(project):
            missed.add(missing.meant)
            yield self._missing(project, missing)
        for stand_in in StandIns(project).find():
            if stand_in.wanted not in missed:
                yield self._stand_in(project, stand_in)

    def _contradiction(self, module: Module, found: Contradiction) -> Finding:
        choice, builder = found.choice, found.builder
        said, built = " / ".join(f'"{t}"' for t in choice.texts), name_of(builder)
        evidence = [
            module.evidence(choice.key, f"the choice is {said}"),
            module.evidence(builder, f"it builds `{built}`"),
        ]
        if found.right_place is not None:
            evidence.append(Evidence(*found.right_place, f"`{found.right}` is what the choice names"))
        elif found.agreeing:
            evidence.append(module.evidence(choice.key, f"{found.agreeing} other choices here build what they name"))
        repair = {
            "kind": "choice",
            "offset": module.span(builder)[0],
            "picked": built,
            "right": found.right,
            "key": module.span(choice.key)[0],
            "texts": list(choice.texts),
        }
        return self.finding(
            module,
            builder,
            f"the choice {said} builds `{built}`" + (f", not `{found.right}`" if found.right else ""),
            evidence=evidence,
            confidence=Confidence.HIGH if found.right else Confidence.MEDIUM,
            repair=repair,
        )

    def _stand_in(self, project: Project, found: StandIn) -> Finding:
        wanted, built = found.wanted, found.built
        klass = project.symbols.klass(wanted)
        line = klass.line if klass is not None else 1
        chosen = f' for "{found.choice}"' if found.choice else ""
        module, call = found.module, found.construction
        evidence = [Evidence(wanted.path, line, f"`{wanted.qualname}` is defined here; no program reaches it")]
        evidence.append(module.evidence(call, f"`{built.qualname}` is built instead"))
        evidence += [s.evidence for s in found.signs]
        way = way_to(project, module.path, module.qualname(call))
        files = " -> ".join(dict.fromkeys(part.path for part in way))
        evidence.append(Evidence(way[0].path if way else module.path, 1, f"the way to it: {files or module.path}"))
        start, _ = module.span(call)
        return self.finding(
            module,
            call.func,
            f"`{built.qualname}` is built{chosen}, and `{wanted.qualname}` of {wanted.path} is never reached",
            evidence=evidence,
            confidence=Confidence.HIGH if found.weight >= _SURE else Confidence.MEDIUM,
            repair={
                "kind": "construction",
                "offset": start,
                "wanted": [wanted.path, wanted.qualname],
                "built": [built.path, built.qualname],
            },
        )

    def _missing(self, project: Project, found: MissingName) -> Finding:
        module, meant = found.module, found.meant
        klass = project.symbols.klass(meant)
        evidence = [
            module.evidence(found.statement, f"{meant.path} has no `{found.alias.name}`"),
            Evidence(meant.path, klass.line if klass is not None else 1, f"it has `{meant.qualname}`, never reached"),
        ]
        if found.guard is not None:
            handler = found.guard.handlers[0]
            evidence.append(module.evidence(handler, "the failed import is caught, and the program goes on without it"))
        start, _ = module.span(found.alias)
        return self.finding(
            module,
            found.alias,
            f"{meant.path} has no `{found.alias.name}`: its class is `{meant.qualname}`, which is never reached",
            evidence=evidence,
            repair={"kind": "import", "offset": start, "right": meant.qualname},
        )


def _has_models(project: Project) -> bool:
    """Whether the project has a class that may be a model: the cheap question before the dear one."""
    return any(b.endswith("Module") for f in project.files.values() for k in f.classes for b in k.bases)
