"""The documentation says what the program does."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner
from mlfix.analyzer.project.settings import Settings, load_settings
from mlfix.analyzer.runtime.agent.probe import Probe
from mlfix.analyzer.runtime.readings import probes
from mlfix.cli.commands import cli
from mlfix.cli.formats import FORMATS
from mlfix.cli.probe_page import probe_as_markdown, probe_summary
from mlfix.rules import all_rules

from ..rules import harness
from ..rules.test_cases import SECTIONS

ROOT = Path(__file__).resolve().parents[2]
PROBE_SECTIONS = ("What it measures", "Healthy", "When it is not", "Limits", "What to do")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(generate: ModuleType) -> None:
    assert generate.outdated() == [], "run `make docs`"


def test_generating_writes_what_is_missing_and_removes_what_is_left_over(generate: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "gone.md").write_text("an old rule")
    changed = generate.write(tmp_path)
    rules, known = ["gone", "index", *(r.name for r in all_rules())], ["index", *(p.name for p in probes())]
    assert changed == sorted([*(f"rules/{r}.md" for r in rules), *(f"probes/{p}.md" for p in known)])
    assert generate.outdated(tmp_path) == generate.write(tmp_path) == []
    (tmp_path / "probes" / "index.md").write_text("edited by hand")
    assert generate.outdated(tmp_path) == ["probes/index.md"]


@pytest.mark.parametrize("probe", probes(), ids=lambda p: p.name)
def test_a_probe_documents_itself(probe: Probe) -> None:
    text = probe_as_markdown(probe)
    assert [s for s in PROBE_SECTIONS if f"\n## {s}\n" not in text] == []
    assert re.search(r"^Source: \S.*\.$", text, re.MULTILINE)
    summary = probe_summary(probe)
    assert summary.endswith(".")
    assert summary not in PROBE_SECTIONS
    assert probe.look_next.endswith((".", "?"))


def test_every_command_setting_and_format_is_documented() -> None:
    text = (ROOT / "docs" / "index.md").read_text()
    names = [*cli.list_commands(click.Context(cli)), *FORMATS]
    names += [f.name.replace("_", "-") for f in dataclasses.fields(Settings) if f.name != "path"]
    assert [name for name in names if f"`{name}`" not in text and f"mlfix {name}" not in text] == []


def code_blocks() -> tuple[str, str]:
    rule, codemod = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    return rule, codemod


def loaded(name: str, code: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(name)
    module.__package__ = name.rpartition(".")[0]
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, name, "exec", dont_inherit=True), module.__dict__)
    return module


def test_the_rule_of_the_walk_through_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("mlfix.rules.model.functional_dropout", "mlfix.codemods.model.functional_dropout")
    rules, codemods = (loaded(n, c, monkeypatch) for n, c in zip(names, code_blocks(), strict=True))
    rule = rules.FunctionalDropout()
    monkeypatch.setattr(harness, "all_codemods", lambda: {rule.name: codemods.fix})
    assert [s for s in SECTIONS if s not in (rule.__doc__ or "")] == []
    for number, case in enumerate(rule.VALID):
        assert harness.findings_of(tmp_path / f"v{number}", harness.as_files(case.source), rule) == []
    for number, case in enumerate(rule.INVALID):
        found = harness.findings_of(tmp_path / f"i{number}", harness.as_files(case.source), rule)
        assert [(f.location.path, f.location.line) for f in found] == case.at
        fixed = harness.fixed_files(tmp_path / f"f{number}", harness.as_files(case.source), rule)
        assert fixed == harness.as_files(case.fixed)


def options() -> set[str]:
    context = click.Context(cli)
    commands = [cli, *filter(None, (cli.get_command(context, name) for name in cli.list_commands(context)))]
    return {o for c in commands for p in c.params if isinstance(p, click.Option) for o in p.opts} | {"-h", "--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_a_page_names_only_options_that_exist(page: Path) -> None:
    named = {o for line in re.findall(r"mlfix (?:scan|apply|undo|explain|rules|init)\b[^`\n]*", page.read_text())
             for o in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)}  # fmt: skip
    assert named <= options()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text())
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_the_example_configuration_is_valid(tmp_path: Path) -> None:
    [block] = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "index.md").read_text(), re.DOTALL)
    (tmp_path / "pyproject.toml").write_text(block)
    assert load_settings(tmp_path).path == tmp_path / "pyproject.toml"


def test_the_pattern_in_the_documentation_is_right(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    file = tmp_path / "team.yaml"
    file.write_text(text.partition("```yaml\n")[2].partition("```\n")[0], encoding="utf-8")
    result = CliRunner().invoke(cli, ["rules", "--check", str(file)])
    assert (result.exit_code, result.output) == (0, "1 rule, 2 cases: none failed\n")
