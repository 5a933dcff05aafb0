"""``mlfix rules``, ``explain``, ``init``, and the help."""

from __future__ import annotations

import json

import pytest
import yaml
from mlfix.analyzer.project.settings import load_settings
from mlfix.analyzer.runtime.readings import probes
from mlfix.analyzer.version import __version__
from mlfix.cli.explain_command import as_markdown, summary
from mlfix.rules import all_rules

from .conftest import Place

COMMANDS = ["scan", "apply", "undo", "explain", "rules", "init"]


def test_rules_are_listed_with_the_users(empty: Place) -> None:
    rows = json.loads(empty.mlfix("rules", "--format", "json").stdout)
    assert {r["name"] for r in rows} == {r.name for r in all_rules()} | {
        "old-call",
        "slow-call",
        "odd-call",
        "called-elsewhere",
    }
    by_name = {row["name"]: row for row in rows}
    assert by_name["old-call"] == {
        "code": "TOY101",
        "name": "old-call",
        "level": "breaks",
        "fix": True,
        "summary": "Finds calls of ``torch.old``.",
    }
    lines = empty.mlfix("rules").stdout.splitlines()
    assert len(lines) == len(rows)
    assert all(row["code"] in line and row["summary"] in line for row, line in zip(rows, lines, strict=True))


@pytest.mark.parametrize("rule", [pytest.param(r, id=r.name) for r in all_rules()])
def test_every_rule_has_a_summary_of_one_sentence(rule) -> None:
    text = summary(rule)
    assert 20 < len(text) < 400
    assert "\n" not in text
    assert "---" not in text
    assert rule.code not in text


def test_explain(empty: Place) -> None:
    for name in ("old-call", "TOY101"):
        text = empty.mlfix("explain", name).stdout
        assert text.startswith("# old-call (TOY101)\n\nLevel: **breaks**.")
        assert "\n## What it does\n\nLooks for the name.\n" in text
    data = json.loads(empty.mlfix("explain", "old-call", "--format", "json").stdout)
    assert data["name"] == "old-call"
    assert data["proof"] == {"probe": "none", "quantity": "calls of old names"}
    assert "What it does" in data["explanation"]


@pytest.mark.parametrize("rule", [pytest.param(r, id=r.name) for r in all_rules()])
def test_every_rule_is_explained(empty: Place, rule) -> None:
    page = empty.mlfix("explain", rule.name).stdout
    assert page.startswith(as_markdown(rule))
    assert page == as_markdown(rule) or rule.name in {p.name for p in probes()}


def test_a_rule_and_a_probe_of_one_name_are_both_explained(empty: Place) -> None:
    page = empty.mlfix("explain", "learning-rate").stdout
    assert page.startswith("# learning-rate (MLF803)\n")
    assert "\n# learning-rate\n" in page


def test_a_probe_is_explained(empty: Place) -> None:
    text = empty.mlfix("explain", "baseline").stdout
    assert text.startswith("# baseline\n")
    assert "| `min` | 0.6 |" in text
    assert "Runs only with `--with baseline`." in text
    data = json.loads(empty.mlfix("explain", "baseline", "--format", "json").stdout)
    assert (data["name"], data["default"], data["healthy"]["min"]) == ("baseline", False, 0.6)


def test_explain_what_every_scan_looks_for(empty: Place) -> None:
    for name in ("unused-suppression", "MLF001"):
        assert "comments that silence nothing" in empty.mlfix("explain", name).stdout


def test_explain_what_there_is_not(empty: Place) -> None:
    result = empty.mlfix("explain", "old-cal")
    assert (result.exit_code, result.stderr) == (2, "mlfix: error: no rule 'old-cal': did you mean old-call?\n")
    result = empty.mlfix("explain")
    assert result.exit_code == 2
    assert "old-call" in result.stderr


def test_init_in_an_empty_folder(empty: Place) -> None:
    (empty.root / "mlfix.toml").unlink()
    result = empty.mlfix("init", "--entry", 'python train.py --name "a b"')
    assert result.exit_code == 0
    settings = load_settings(empty.root)
    assert settings.entry == 'python train.py --name "a b"'
    assert settings.path == empty.root / "mlfix.toml"
    hook = empty.read(".pre-commit-config.yaml").decode()
    assert "repos:\n  - repo: " in hook
    assert yaml.safe_load(hook)["repos"][0]["hooks"][0]["additional_dependencies"] == [f"mlfix-torch>={__version__}"]
    before = empty.contents()
    assert empty.mlfix("init").stdout.splitlines() == ["kept mlfix.toml", "kept .pre-commit-config.yaml"]
    assert empty.contents() == before
    assert empty.mlfix("scan").exit_code == 0


def test_every_setting_that_init_offers_is_valid(empty: Place) -> None:
    (empty.root / "mlfix.toml").unlink()
    empty.mlfix("init")
    text = empty.read("mlfix.toml").decode()
    offered = [line.removeprefix("# ") for line in text.splitlines() if " = " in line]
    assert len(offered) >= 8
    empty.write({"mlfix.toml": "\n".join(offered)})
    load_settings(empty.root)


def test_init_keeps_what_is_there(empty: Place) -> None:
    empty.write({".pre-commit-config.yaml": "repos: []\n"})
    before = empty.contents()
    result = empty.mlfix("init")
    assert result.exit_code == 0
    assert "kept mlfix.toml" in result.stdout
    assert "add to .pre-commit-config.yaml, under repos:\n  - repo: " in result.stdout
    assert empty.contents() == before


def test_init_where_nothing_can_be_written(empty: Place) -> None:
    (empty.root / "mlfix.toml").unlink()
    (empty.root / ".pre-commit-config.yaml").mkdir()
    result = empty.mlfix("init")
    assert result.exit_code == 2
    assert result.stderr == "mlfix: error: .pre-commit-config.yaml: cannot be read: Is a directory\n"


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], *([c, "--help"] for c in COMMANDS)])
def test_help(empty: Place, arguments: list[str]) -> None:
    result = empty.mlfix(*arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: mlfix")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_help_names_every_command(empty: Place) -> None:
    text = empty.mlfix("--help").stdout
    assert all(f"\n  {command} " in text for command in COMMANDS)


def test_version(empty: Place) -> None:
    assert empty.mlfix("--version").stdout == f"mlfix {__version__}\n"
    assert empty.process("--version").stdout.decode() == f"mlfix {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message", "command"),
    [
        (["scna"], "No such command 'scna'", "mlfix"),
        (["scan", "--jobs", "-1"], "Invalid value for '--jobs'", "mlfix scan"),
        (["scan", "--formt", "json"], "No such option '--formt'", "mlfix scan"),
        (["apply", "--level", "high"], "Invalid value for '--level'", "mlfix apply"),
        (["explain"], "name a rule: ", "mlfix explain"),
    ],
)
def test_a_wrong_command_line(empty: Place, arguments: list[str], message: str, command: str) -> None:
    done = empty.process(*arguments)
    assert done.returncode == 2
    first, second = done.stderr.decode().splitlines()
    assert first.startswith(f"mlfix: error: {message}")
    assert second == f"`{command} --help` tells more"


def test_no_command_shows_the_help(empty: Place) -> None:
    done = empty.process()
    assert done.returncode == 2
    assert done.stderr.decode().startswith("Usage: mlfix [OPTIONS] COMMAND")
