"""Rules of a user's own as YAML patterns: found, mended, refused with one clear line."""

from __future__ import annotations

import ast
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlfix.analyzer.engine import Request
from mlfix.cli.options import available_codemods
from mlfix.codemods.session import Mended, mend
from mlfix.rules import BadUserRules, pattern_rules

from .conftest import Place

CONFIG = 'rules = ["team.yaml"]\n'
LOAD = """
- name: bare-load
  code: TEAM1
  level: breaks
  message: "`$X` is unpickled"
  symptom: A checkpoint runs code.
  pattern: torch.load($X, $...REST)
  where: {REST: {without: weights_only}}
  fix: torch.load($X, $...REST, weights_only=True)
  applicability: safe
  valid:
    - "import torch\\ntorch.load(a, weights_only=False)\\n"
  invalid:
    - "import torch\\ntorch.load(a)\\n"
    - source: "from torch import load\\nload(a, map_location=b)\\n"
      fixed: "from torch import load\\nload(a, map_location=b, weights_only=True)\\n"
"""


def rule(**keys: str) -> str:
    return "- " + "\n  ".join(f"{k}: {json.dumps(v)}" for k, v in {"name": "a-rule", "message": "m", **keys}.items())


def mended(tmp_path: Path, yaml: str, code: str) -> Mended:
    (tmp_path / "rules.yaml").write_text(yaml)
    (tmp_path / "train.py").write_bytes(code.encode())
    rules = pattern_rules(tmp_path / "rules.yaml", "rules.yaml")
    return mend(Request(tmp_path, rules, available_codemods(rules), jobs=1), lambda f, _: True)


def after(tmp_path: Path, yaml: str, code: str) -> str:
    done = mended(tmp_path, yaml, code)
    assert not done.refused and not done.report.problems
    assert not [f.no_fix for f in done.report.findings if f.no_fix]
    return done.changes["train.py"].after.decode() if done.changes else code


def test_a_pattern_rule_from_scan_to_undo(empty: Place) -> None:
    code = "import torch as th\nx = th.load(p)  # a\n"
    empty.write({"mlfix.toml": CONFIG, "team.yaml": LOAD, "a.py": code})
    data = json.loads(empty.mlfix("scan", "--format", "json").stdout)
    [found] = data["findings"]
    assert (found["rule"], found["code"], found["level"], found["line"]) == ("bare-load", "TEAM1", "breaks", 2)
    assert found["message"] == "`p` is unpickled" and found["symptom"] == "A checkpoint runs code."
    assert found["fix"]["applicability"] == "safe"
    assert empty.mlfix("apply").exit_code == 0
    assert empty.read("a.py") == b"import torch as th\nx = th.load(p, weights_only=True)  # a\n"
    empty.mlfix("undo")
    assert empty.read("a.py") == code.encode()


def test_it_is_listed_explained_suppressed_selected(empty: Place) -> None:
    empty.write({"mlfix.toml": CONFIG, "team.yaml": LOAD, "a.py": "import torch\ntorch.load(p)\n"})
    assert "TEAM1   bare-load" in empty.mlfix("rules").stdout
    page = empty.mlfix("explain", "TEAM1").stdout
    assert "torch.load($X, $...REST)" in page and "team.yaml, line 2" in page
    assert empty.mlfix("scan", "--rule", "bare-load").exit_code == 1
    assert empty.mlfix("scan", "--ignore", "TEAM1").exit_code == 0
    for format_ in ("text", "concise", "sarif", "github", "gitlab"):
        assert empty.mlfix("scan", "--format", format_).exit_code == 1
    empty.write({"a.py": "import torch\ntorch.load(p)  # mlfix: ignore[bare-load]\n"})
    assert empty.mlfix("scan").exit_code == 0


def test_a_changed_rule_is_not_answered_from_the_cache(empty: Place) -> None:
    empty.write({"mlfix.toml": CONFIG, "team.yaml": LOAD, "a.py": "import torch\ntorch.load(p)\ntorch.save(p)\n"})
    assert "`p` is unpickled" in empty.mlfix("scan").stdout
    empty.write({"team.yaml": LOAD.replace("is unpickled", "is read")})
    assert "`p` is read" in empty.mlfix("scan").stdout
    empty.write({"team.yaml": rule(pattern="torch.save($X)", message="saved")})
    assert "a.py:3:1" in empty.mlfix("scan").stdout


def test_a_rule_without_a_code_goes_by_its_name(empty: Place) -> None:
    empty.write({"mlfix.toml": CONFIG, "team.yaml": rule(pattern="torch.f($X)"), "a.py": "import torch\ntorch.f(1)\n"})
    assert "a.py:2:1: a-rule [degrades] m" in empty.mlfix("scan", "--format", "concise").stdout


def test_the_configuration_names_the_file_from_where_it_lies(empty: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    empty.write({"mlfix.toml": 'rules = ["lint/team.yaml"]\n', "lint/team.yaml": LOAD, "b/a.py": "x = 1\n"})
    monkeypatch.chdir(empty.root / "b")
    assert "bare-load" in empty.mlfix("rules").stdout


def test_modules_and_patterns_go_together(empty: Place) -> None:
    empty.write({"mlfix.toml": 'rules = ["toy_rules", "team.yaml"]\n', "team.yaml": LOAD})
    listed = empty.mlfix("rules").stdout
    assert "old-call" in listed and "bare-load" in listed


@pytest.mark.parametrize(
    ("yaml", "line", "said"),
    [
        ("", 1, "holds no rule"),
        ("[]", 1, "holds no rule"),
        ("a: b", 1, "must be a list"),
        ("- a", 1, "must be a table"),
        ("- name: x\n  message: m", 1, "no 'pattern'"),
        ("\n\n" + rule(pattern="torch.f(", name="x-y"), 5, "no Python code"),
        (rule(pattern="f($X)"), 3, "bare name `f`"),
        (rule(pattern="torch.f($X)", mesage="m"), 4, "did you mean message?"),
        (rule(pattern="torch.f($X)", name="Bad Name"), 1, "must look like"),
        (rule(pattern="torch.f($X)", code="MLF101"), 4, "mlfix's own"),
        (rule(pattern="torch.f($X)", level="worst"), 4, "one of breaks, degrades, wastes"),
        (rule(pattern="torch.f($X)", applicability="safe"), 4, "the rule has none"),
        (rule(pattern="torch.f($X)", fix="torch.g($Y)"), 4, "does not have"),
        (rule(pattern="torch.f($X)", message="$Y is bad"), 2, "does not have"),
        (rule(pattern="torch.f($X)", name="amp-import"), 1, "mlfix itself"),
        (rule(pattern="torch.f($X)") + "\n" + rule(pattern="torch.g($X)"), 4, "taken on line 1"),
        (rule(pattern="torch.f($X)") + "\n  where: {Y: {is: torch.g}}", 4, "no hole `$Y`"),
        (rule(pattern="torch.f($X)") + "\n  where: {X: {without: a}}", 4, "says nothing about"),
        (rule(pattern="torch.f($X)") + "\n  where: {X: {text: '('}}", 4, "no regular expression"),
        (rule(pattern="torch.f($X)") + "\n  where: {X: {like: a}}", 4, "unknown key 'like'"),
        (rule(pattern="torch.f($X)") + "\n  invalid: [{source: a, fixed: b}]", 4, "no fix that could make this"),
        ("- name: !!python/object/apply:os.system [touch pwned]", 1, "tag"),
        ("- !!python/name:os.system a", 1, "tag"),
        ("- name: a\n  name: b", 2, "given twice"),
        ("- name: a: b", 1, "no valid YAML"),
        ("- &x [*x]", 1, "must be a table"),
        ("- name: [a", 1, "no valid YAML"),
        ("\t- a", 1, "no valid YAML"),
        ("--- a\n--- b", 2, "no valid YAML"),
        ("[" * 5000, 1, "nests too deeply"),
        ("- \x01", 1, "does not allow"),
    ],
)
def test_a_bad_file_is_one_line(empty: Place, yaml: str, line: int, said: str) -> None:
    empty.write({"mlfix.toml": CONFIG, "team.yaml": yaml})
    result = empty.mlfix("scan")
    assert result.exit_code == 2
    [told] = result.output.splitlines()
    assert told.startswith(f"mlfix: error: team.yaml:{line}: ") and said in told
    assert not (empty.root / "pwned").exists()


def test_a_missing_or_unreadable_file_is_one_line(empty: Place) -> None:
    empty.write({"mlfix.toml": CONFIG})
    assert "team.yaml:1: cannot be read" in empty.mlfix("scan").output
    empty.write({"team.yaml": b"- name: \xff\n"})
    assert "team.yaml:1: is no UTF-8" in empty.mlfix("scan").output


@given(
    st.one_of(
        st.text(max_size=60), st.text(alphabet=st.sampled_from("-:[]{}&*!|>'\"# \nnamepattern$Xtorch.f()"), max_size=80)
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_file_is_read_or_says_why_not(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.yaml"
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            pattern_rules(file, "x.yaml")
        except BadUserRules as error:
            assert str(error).startswith("x.yaml:")


@pytest.mark.parametrize(
    ("pattern", "fix", "code", "expected"),
    [
        ("torch.f($X)", "$X * 2", "torch.f(a + b)", "(a + b) * 2"),
        ("torch.f($X)", "$X + 2", "torch.f(a) * 3", "(a + 2) * 3"),
        ("torch.f($X)", "$X + 2", "g(torch.f(a))", "g(a + 2)"),
        ("torch.f($X)", "($X, 2)", "g(torch.f(a))", "g((a, 2))"),
        ("torch.f($X)", "torch.g($X)", "torch.f(a,  # why\n)", "torch.g(a  # why\n)"),
        ("torch.f($X)", "torch.g($X)", "torch.f(\n    a\n    + b\n)", "torch.g(\n    a\n    + b\n)"),
        ("torch.f($...R)", "torch.g(1, $...R)", "torch.f()", "torch.g(1)"),
        ("torch.f($...R)", "torch.g($...R)", "torch.f(a, *b, k=1, **c)", "torch.g(a, *b, k=1, **c)"),
        ("torch.f($...R)", "[$...R]", "torch.f(a, *b)", "[a, *b]"),
        ("torch.f($X).$M", "torch.g($X).$M", "torch.f(a).b.c", "torch.g(a).b.c"),
        ("$X.data", "$X.detach()", "a[0].data.data", "a[0].detach().detach()"),
        ("torch.f(torch.f($X))", "torch.f($X)", "torch.f(torch.f(torch.f(1)))", "torch.f(1)"),
        ("torch.a = $X", "torch.b = $X", "torch.a = 1  # c", "torch.b = 1  # c"),
        (
            "torch.a = $X",
            "torch.b = $X\ntorch.c = $X",
            "if x:\n    torch.a = 1",
            "if x:\n    torch.b = 1\n    torch.c = 1",
        ),
        ("torch.f('é', $X)", "torch.g('é', $X)", "'é', torch.f('é', é)", "'é', torch.g('é', é)"),
        ("torch.f($X)", "max($X, 1)", "torch.f(a if b else c)", "max(a if b else c, 1)"),
        ("torch.f($X)", "$X * 2", "x = torch.f((\na\n))", "x = a * 2"),
        ("not $X == $Y", "$X != $Y", "not a == b", "a != b"),
    ],
)
def test_a_fix_means_what_it_says(tmp_path: Path, pattern: str, fix: str, code: str, expected: str) -> None:
    head = "import torch\nprint(torch)\n"
    assert after(tmp_path, rule(pattern=pattern, fix=fix), f"{head}{code}\n") == f"{head}{expected}\n"
    crlf = f"{head}{code}\n".replace("\n", "\r\n")
    assert after(tmp_path, rule(pattern=pattern, fix=fix), crlf) == f"{head}{expected}\n".replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import torch as th\nth.f(1)\n", "import torch as th\nth.amp.g(1)\n"),
        ("from torch import f, amp\nf(1)\n", "from torch import amp\namp.g(1)\n"),
        ("from torch import f\nf(1)\n", "import torch\ntorch.amp.g(1)\n"),
    ],
)
def test_a_fix_uses_the_names_of_the_file(tmp_path: Path, code: str, expected: str) -> None:
    assert after(tmp_path, rule(pattern="torch.f($X)", fix="torch.amp.g($X)"), code) == expected


@pytest.mark.parametrize(
    ("pattern", "fix", "code", "why"),
    [
        ("torch.f($X)", "torch.g()", "torch.f(  # why\n  a)", "comment"),
        ("torch.f($X)", "scipy.g($X)", "scipy = torch.f(1)", "uses that name"),
        ("torch.a = $X", "torch.b = $X", "torch.a = 1; b = 2", "shares its line"),
        ("torch.f($X)", "torch.g($X)", "f'{torch.f(1)}'", "f-string"),
        ("torch.f($...R)", "[$...R]", "torch.f(k=1)", "something else"),
    ],
)
def test_a_fix_that_cannot_be_right_is_refused(tmp_path: Path, pattern: str, fix: str, code: str, why: str) -> None:
    done = mended(tmp_path, rule(pattern=pattern, fix=fix), f"import torch\n{code}\n")
    assert not done.changes
    assert [why in f.no_fix for f in done.report.findings] == [True]


def test_a_fix_that_leaves_its_finding_is_taken_back(tmp_path: Path) -> None:
    done = mended(tmp_path, rule(pattern="torch.f($...R)", fix="torch.f($...R, k=1)"), "import torch\ntorch.f()\n")
    assert not done.changes and "still found" in done.refused[0][1]


@pytest.mark.parametrize(
    ("where", "lines"),
    [
        ("X: {is: torch.float16}", [3]),
        ("X: {is-not: [torch.float16, torch.half]}", [5, 6]),
        ("X: {made-by: torch.nn.Linear}", [5]),
        ("X: {text: 'n[a-z]*'}", [5, 6]),
    ],
)
def test_where(tmp_path: Path, where: str, lines: list[int]) -> None:
    code = "import torch\nfrom torch import float16 as h\ntorch.f(h)\nnet = torch.nn.Linear(1, 2)\ntorch.f(net)\ntorch.f(none)\n"
    done = mended(tmp_path, f"{rule(pattern='torch.f($X)')}\n  where:\n    {where}\n", code)
    assert [f.location.line for f in done.report.findings] == lines


def test_the_cases_in_a_file_are_run(empty: Place) -> None:
    empty.write({"team.yaml": LOAD})
    result = empty.mlfix("rules", "--check", "team.yaml")
    assert (result.exit_code, result.output) == (0, "1 rule, 3 cases: none failed\n")
    wrong = LOAD.replace("weights_only=False", "mmap=False").replace("map_location=b, weights", "weights")
    wrong = wrong.replace('torch.load(a)\\n"', 'torch.save(a)\\n"')
    empty.write({"team.yaml": wrong})
    result = empty.mlfix("rules", "--check", "team.yaml")
    assert result.exit_code == 1
    assert [line.partition(" ")[0] for line in result.output.splitlines()[:3]] == [
        "team.yaml:12:",
        "team.yaml:14:",
        "team.yaml:15:",
    ]
    assert (
        "must be left alone" in result.output
        and "nothing is found" in result.output
        and "the fix makes" in result.output
    )


values = st.recursive(
    st.sampled_from(["a", "1", "-a", "'s'", "a.b", "a[0]", "f(a)"]),
    lambda inner: st.one_of(
        st.builds("{} + {}".format, inner, inner),
        st.builds("{} ** {}".format, inner, inner),
        st.builds("not {}".format, inner),
        st.builds("{} if {} else {}".format, inner, inner, inner),
        st.builds("lambda: {}".format, inner),
        st.builds("({}, {})".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
        st.builds("(\n{}\n)".format, inner),
    ),
    max_leaves=5,
)


def parses(code: str) -> bool:
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


@given(
    value=values.filter(parses),
    fix=st.sampled_from(["$X * 2", "-$X", "$X.t()", "torch.g($X)", "$X[$X]", "[$X]", "not $X", "($X, 1)", "$X ** $X"]),
    around=st.sampled_from(["{}", "{} * 2", "g({})", "{}.t", "-{}", "[{}]", "x = {}", "{} ** 2", "{}[0]", "2 ** {}"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_brackets_keep_the_meaning(value: str, fix: str, around: str) -> None:
    """What a fix makes is what one gets with every part in brackets."""
    head = "import torch\nprint(torch)\n"
    with tempfile.TemporaryDirectory() as folder:
        code = f"{head}{around.format(f'torch.f({value})')}\n"
        made = after(Path(folder), rule(pattern="torch.f($X)", fix=fix), code)
    meant = around.format(f"({fix.replace('$X', f'({value})')})")
    assert ast.dump(ast.parse(made)) == ast.dump(ast.parse(f"{head}{meant}\n"))
