"""Every format that a machine reads, checked against its contract, and that it says what the scan found."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from .conftest import BAD, Place

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MIXED: dict[str, str | bytes] = {
    "train.py": BAD,
    "sub folder/é, 100%.py": "import torch\ns = '日本語'; torch.slow(\n    1)\ntorch.odd(2)\n",
    "quiet.py": "import torch\ntorch.old(1)  # mlfix: ignore[old-call]\nx = 1  # mlfix: ignore[old-call]\n",
    "lib.py": "def helper(x):\n    return x\n",
    "main.py": "from lib import helper\nhelper(1)\n",
    "broken.py": "x = 1\ndef f(:\n",
}


@pytest.fixture
def mixed(empty: Place) -> Place:
    """One of everything: safe, unsafe and no fix, advice, suppressed, unused suppression, a file that is no Python."""
    return empty.write(MIXED)


def parsed(place: Place, format_: str) -> Any:
    result = place.mlfix("scan", "--format", format_)
    assert result.exit_code == 1
    assert result.stdout.isascii(), "any encoding can carry it"
    return json.loads(result.stdout)


def complaints(validator: Any, data: object) -> list[str]:
    return [f"{e.json_path}: {e.message}" for e in validator.iter_errors(data)]


def test_json_keeps_its_contract(mixed: Place) -> None:
    schema = json.loads((ROOT / "docs/report.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    data = parsed(mixed, "json")
    assert complaints(Draft202012Validator(schema), data) == []
    rows = {(f["path"], f["line"], f["rule"]): f for f in data["findings"]}
    assert list(rows) == sorted(rows)
    assert {f["fix"] and f["fix"]["applicability"] for f in data["findings"]} == {"safe", "unsafe", "advice", None}
    assert [f["rule"] for f in data["findings"] if f["suppressed"]] == ["old-call"]
    assert data["errors"] == [{"path": "broken.py", "message": data["errors"][0]["message"]}]
    assert data["errors"][0]["message"].startswith("line 2: is no valid Python")
    assert data["root"] == mixed.root.as_posix()
    assert data["statistics"]["files"] == 6


def test_the_schema_refuses_what_the_contract_does_not_hold(mixed: Place) -> None:
    validator = Draft202012Validator(json.loads((ROOT / "docs/report.schema.json").read_text()))
    for damage in (
        lambda d: d.update(extra=1),
        lambda d: d["findings"][0].update(line=0),
        lambda d: d["findings"][0].update(path="/absolute.py"),
        lambda d: d["findings"][0].pop("fix"),
        lambda d: d["errors"][0].update(line=1),
    ):
        data = parsed(mixed, "json")
        damage(data)
        assert complaints(validator, data)


def test_json_edits_are_exactly_the_fix(mixed: Place) -> None:
    [finding] = [f for f in parsed(mixed, "json")["findings"] if f["rule"] == "slow-call"]
    [edit] = finding["fix"]["edits"]
    assert edit == {"path": "sub folder/é, 100%.py", "start": [2, 12], "end": [2, 22], "text": "torch.fast"}


def test_sarif_keeps_the_part_of_the_standard_that_is_printed(mixed: Place) -> None:
    schema = json.loads((Path(__file__).parent / "sarif-as-printed.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    data = parsed(mixed, "sarif")
    assert complaints(Draft202012Validator(schema), data) == []
    run = data["runs"][0]
    results = run["results"]
    assert len(results) == len(parsed(mixed, "json")["findings"])
    own = {"MLF001"}
    assert {r["ruleId"] for r in results} <= {r["id"] for r in run["tool"]["driver"]["rules"]} | own
    slow = next(r for r in results if r["ruleId"] == "TOY102")
    [change] = slow["fixes"][0]["artifactChanges"]
    assert unquote(change["artifactLocation"]["uri"]) == "sub folder/é, 100%.py"
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 2, "startColumn": 12, "endLine": 2, "endColumn": 22},
            "insertedContent": {"text": "torch.fast"},
        }
    ]
    assert [r["ruleId"] for r in results if "fixes" in r] == ["TOY101", "TOY102", "TOY101"], "advice is no edit"
    assert [r["ruleId"] for r in results if "suppressions" in r] == ["TOY101"]
    [notification] = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["locations"][0]["physicalLocation"]["region"] == {"startLine": 2}


@pytest.fixture(scope="module")
def official(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The OASIS schema: from the file that ``MLFIX_SARIF_SCHEMA`` names, else from its address, once for all runs."""
    given = os.environ.get("MLFIX_SARIF_SCHEMA")
    if given:
        return json.loads(Path(given).read_text())
    kept = request.config.cache.get("mlfix/sarif-schema", None) if request.config.cache else None
    if kept is None:
        try:
            with urllib.request.urlopen(OFFICIAL, timeout=10) as answer:
                kept = json.loads(answer.read())
        except (OSError, ValueError) as error:
            pytest.skip(f"{OFFICIAL} cannot be reached ({error}): name a copy in MLFIX_SARIF_SCHEMA")
        if request.config.cache:
            request.config.cache.set("mlfix/sarif-schema", kept)
    return kept


def test_sarif_keeps_the_official_schema(mixed: Place, official: dict[str, Any]) -> None:
    validator = Draft4Validator(official)
    data = parsed(mixed, "sarif")
    assert complaints(validator, data) == []
    data["runs"][0]["results"][0]["nonsense"] = 1
    assert complaints(validator, data), "the schema looks into results"


def test_concise(mixed: Place) -> None:
    lines = mixed.mlfix("scan", "--format", "concise").stdout.splitlines()
    assert lines[0].startswith("broken.py:2: error: is no valid Python")
    assert "train.py:5:12: TOY101 old-call [breaks] `torch.old` is of yesterday" in lines
    assert len(lines) == 1 + 5


def test_github(mixed: Place) -> None:
    lines = mixed.mlfix("scan", "--format", "github").stdout.splitlines()
    assert lines[0].startswith("::error file=broken.py,line=2,title=mlfix::is no valid Python")
    assert (
        "::error file=train.py,line=5,col=12,endLine=5,title=TOY101 old-call::"
        "`torch.old` is of yesterday%0Atrain.py:5: called here"
    ) in lines
    assert any(line.startswith("::notice file=sub folder/é%2C 100%25.py,line=2,") for line in lines)
    assert any(line.startswith("::warning file=lib.py,line=1,") for line in lines)
    assert len(lines) == 1 + 5


def test_gitlab(mixed: Place) -> None:
    rows = parsed(mixed, "gitlab")
    assert [set(row) for row in rows] == [{"description", "check_name", "fingerprint", "severity", "location"}] * 5
    assert len({row["fingerprint"] for row in rows}) == 5
    assert {row["severity"] for row in rows} == {"critical", "major", "minor"}
    first = next(row for row in rows if row["check_name"] == "old-call")
    assert first["location"]["positions"]["begin"] == {"line": 5, "column": 12}
    assert first["location"]["path"] == "train.py"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
@pytest.mark.parametrize("format_", ["text", "concise", "json", "sarif", "github", "gitlab"])
def test_a_file_name_that_is_no_text(empty: Place, format_: str) -> None:
    empty.write({os.fsdecode(b"caf\xe9.py"): BAD})
    for output in ([], ["--output", "report"]):
        done = empty.process("scan", "--format", format_, *output)
        assert done.returncode == 1, done.stderr.decode()
        assert done.stderr == b""
        text = done.stdout or empty.read("report")
        assert b"old-call" in text or b"TOY101" in text
