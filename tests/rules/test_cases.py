"""Every rule's own VALID and INVALID cases, and the promises that all rules keep."""

import inspect
import json
import re
from pathlib import Path

import pytest
from mlfix.analyzer.findings import Confidence
from mlfix.analyzer.rule import Invalid, Rule, Valid
from mlfix.codemods import all_codemods
from mlfix.rules import all_rules

from .harness import as_files, findings_of, fixed_files

SECTIONS = ("What it does", "Why it is bad", "What you see", "Example", "Fix safety", "References")
VALID = [pytest.param(r, c, id=f"{r.name}-{n}") for r in all_rules() for n, c in enumerate(r.VALID)]
INVALID = [pytest.param(r, c, id=f"{r.name}-{n}") for r in all_rules() for n, c in enumerate(r.INVALID)]


@pytest.mark.parametrize(("rule", "case"), VALID)
def test_correct_code_is_left_alone(rule: Rule, case: Valid, tmp_path: Path) -> None:
    found = [f for f in findings_of(tmp_path, as_files(case.source), rule) if f.confidence is not Confidence.LOW]
    assert not found, case.why


@pytest.mark.parametrize(("rule", "case"), INVALID)
def test_the_bug_is_found_and_mended(rule: Rule, case: Invalid, tmp_path: Path) -> None:
    files = as_files(case.source)
    found = findings_of(tmp_path, files, rule)
    assert [(f.location.path, f.location.line) for f in found] == list(case.at), case.why
    assert {f.confidence for f in found} == {case.confidence}
    assert all(f.message and f.evidence for f in found), "a finding carries its evidence"
    assert json.dumps([f.repair for f in found]), "a repair is plain data, and is kept in the cache"
    if case.fixed is None:
        return
    fixed = fixed_files(tmp_path, files, rule)
    assert fixed == as_files(case.fixed)
    for path, text in fixed.items():
        if path.endswith(".py"):
            compile(text, path, "exec")
    assert fixed_files(tmp_path, fixed, rule) == fixed, "a second apply changes nothing"


@pytest.mark.parametrize("rule", all_rules(), ids=lambda r: r.name)
def test_a_rule_documents_and_tests_itself(rule: Rule) -> None:
    doc = inspect.getdoc(type(rule)) or ""
    for section in SECTIONS:
        assert re.search(rf"^{section}\n-+$", doc, re.MULTILINE), f"{rule.name} has no section {section!r}"
    assert rule.VALID
    assert rule.INVALID
    assert re.fullmatch(r"MLF\d{3}", rule.code)
    assert rule.symptom
    assert rule.proof.probe
    claims_fix = any(case.fixed is not None for case in rule.INVALID)
    assert claims_fix == (rule.name in all_codemods()), "a rule with a fix has a codemod of its name, and a case for it"


def test_codes_and_names_are_unique() -> None:
    rules = all_rules()
    assert len({r.code for r in rules}) == len(rules)
    assert len({r.name for r in rules}) == len(rules)
    assert set(all_codemods()) <= {r.name for r in rules}
