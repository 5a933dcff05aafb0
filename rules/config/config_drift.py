"""Configurations that say something else than what runs."""

from __future__ import annotations

from collections.abc import Iterator

from ...analyzer.findings import Confidence, Evidence, Finding, Level
from ...analyzer.graph.graphs import is_test
from ...analyzer.graph.project import Project
from ...analyzer.rule import Proof, Rule
from ...analyzer.source.module import Module
from ._config_drift_cases import INVALID, VALID
from ._shadowed import Shadowed, shadowed
from ._unread_keys import Loaded, Unread, loaded_files, missing, unread
from ._unused_options import Unused, read_by, related, undeclared, unused

_MOST_OTHERS = 3
_NO_EDIT = "whether the key is to be read, renamed or removed is for its author to say"


class ConfigDrift(Rule):
    """A configuration and the code that should read it have drifted apart.

    What it does
    ------------
    Follows command-line options and configuration files from where they are parsed to where their keys are read, and
    reports

    - an option that is parsed and never read, the more surely where a command sets it;
    - a key of a YAML, JSON or TOML file that no code reads;
    - a key or option that code takes without a default and that no file or parser has;
    - an option whose default always overwrites what the file says.

    A configuration that leaves the code that can be followed (``**cfg``, ``getattr`` with a computed name, a call into
    another library) is not reported on.

    Why it is bad
    -------------
    The experiment that was asked for is not the one that runs. A weight, a path or a switch is set in every script and
    has no effect, and results are compared as if it had.

    What you see
    ------------
    Changing a setting changes nothing. Two runs that differ in it give the same curve; or a run dies on a key that no
    file has, in the branch that is taken last.

    Example
    -------
    Bad::

        parser.add_argument("--ema-decay", type=float, default=0.999)
        args = parser.parse_args()
        ema = EMA(model, 0.99)

    Good::

        parser.add_argument("--ema-decay", type=float, default=0.999)
        args = parser.parse_args()
        ema = EMA(model, args.ema_decay)

    Fix safety
    ----------
    No fix: only the author knows whether the key is to be read, renamed or removed. The finding names the places.

    References
    ----------
    - https://docs.python.org/3/library/argparse.html
    - https://omegaconf.readthedocs.io/en/latest/usage.html
    """

    name = "config-drift"
    code = "MLF805"
    level = Level.DEGRADES
    symptom = "Changing a setting changes nothing: the run is not the one that was asked for."
    proof = Proof("planned-steps", "the settings that a run used; no run shows a key that nobody reads")
    triggers = (b"add_argument",)
    VALID = VALID
    INVALID = INVALID

    def check(self, module: Module, project: Project) -> Iterator[Finding]:
        """Options of one file's parsers."""
        if is_test(module.path):
            return
        paths = related(project, module.path)
        read = read_by(project, paths)
        if read is None:
            return
        found = list(unused(module, project, paths, read))
        yield from self._set_in_vain(module, [u for u in found if u.commands])
        yield from self._never_set(module, [u for u in found if not u.commands])
        for place in undeclared(module, project, paths, read):
            name = str(place.key[0])
            note = module.evidence(module.tree.body[0], f"`{name}` is no option of the parsers of `{module.path}`")
            yield self.finding(
                place.module,
                place.node,
                f"`{place.module.snippet(place.node)}` is read, but no parser declares `--{name}`: an AttributeError",
                evidence=[place.module.evidence(place.node, "read here"), note],
                confidence=Confidence.MEDIUM,
                no_fix=_NO_EDIT,
                level=Level.BREAKS,
            )

    def _set_in_vain(self, module: Module, found: list[Unused]) -> Iterator[Finding]:
        for one in found:
            option = one.option
            flag = max(option.flags, key=len)
            yield self.finding(
                module,
                option.call,
                f"`{flag}` is set by commands and parsed, but nothing reads `{option.name}`: it has no effect",
                evidence=[module.evidence(option.call, f"`{flag}` is declared here"), *one.commands],
                no_fix=_NO_EDIT,
            )

    def _never_set(self, module: Module, found: list[Unused]) -> Iterator[Finding]:
        """One finding for all of a file: most are left over from the program that it was copied from."""
        if not found:
            return
        flags = [max(u.option.flags, key=len) for u in found]
        some = ", ".join(f"`{flag}`" for flag in flags[:4]) + (f" and {len(flags) - 4} more" if len(flags) > 4 else "")
        are = (
            "is parsed, but nothing reads it: it has"
            if len(found) == 1
            else "are parsed, but nothing reads them: they have"
        )
        yield self.finding(
            module,
            found[0].option.call,
            f"{some} {are} no effect",
            evidence=[
                module.evidence(u.option.call, f"`{flag}` is declared here and read nowhere")
                for u, flag in zip(found, flags, strict=True)
            ],
            confidence=Confidence.MEDIUM,
            no_fix=_NO_EDIT,
        )

    def check_project(self, project: Project) -> Iterator[Finding]:
        """Keys of configuration files."""
        every = loaded_files(project)
        for one in unread(project, every):
            yield self._unread(one)
        for loaded, place in missing(project, every):
            name = ".".join(str(part) for part in place.key)
            path = loaded.files.paths[0]
            yield self.finding(
                place.module,
                place.node,
                f"`{name}` is taken from `{path}`, which has no such key: it raises KeyError",
                evidence=[place.module.evidence(place.node, "read here"), _loading(loaded)],
                confidence=Confidence.MEDIUM,
                no_fix=_NO_EDIT,
                level=Level.BREAKS,
            )
        for one in shadowed(project, every):
            yield self._shadowed(one)

    def _unread(self, one: Unread) -> Finding:
        entry = one.entry
        more = f" (and in {len(one.others)} more files)" if one.others else ""
        shown = [Evidence(o.key_at.path, o.key_at.line, "and here") for o in one.others[:_MOST_OTHERS]]
        return self.finding_at(
            entry.key_at,
            f"no code reads `{entry.name}`{more}: changing it has no effect",
            subject=entry.name,
            evidence=[Evidence(entry.key_at.path, entry.key_at.line, f"`{entry.name}`"), _loading(one.loaded), *shown],
            confidence=Confidence.MEDIUM,
            no_fix=_NO_EDIT,
        )

    def _shadowed(self, one: Shadowed) -> Finding:
        entry, default = one.entry, one.default
        where = default.location
        return self.finding_at(
            entry.at,
            f"`{entry.name}: {entry.text}` never counts: `--{default.name}` overwrites it, with its default"
            f" {default.text} where it is not given",
            subject=entry.name,
            evidence=[
                one.module.evidence(one.node, "overwritten here, always"),
                Evidence(where.path, where.line, f"the default of `--{default.name}` is `{default.text}`"),
            ],
            confidence=Confidence.MEDIUM,
            no_fix="let the option's default be None and overwrite only what is given, or remove the key",
        )


def _loading(loaded: Loaded) -> Evidence:
    return loaded.module.evidence(loaded.call, "the file is loaded here, and followed to all that reads it")
