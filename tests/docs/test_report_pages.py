"""The pages of the five reports: there, whole, of no machine, and in step with what a scan of the examples says."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from click.testing import CliRunner
from mlfix.cli.commands import cli

from ..templates.markup import Page

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reports"
EXAMPLES = sorted(p.name for p in (ROOT / "examples").iterdir() if p.is_dir())
NAMES = sorted(p.name for p in FOLDER.glob("*.html"))
MOST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reports", ROOT / "docs" / "make_reports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses ask for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def index() -> str:
    return (FOLDER / "index.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What a scan says of each example."""
    found = {}
    for name in EXAMPLES:
        cache = str(tmp_path_factory.mktemp("cache"))
        words = ["scan", str(ROOT / "examples" / name), "--format", "json", "--exit-zero"]
        done = CliRunner(env={"MLFIX_CACHE_DIR": cache}).invoke(cli, words)
        assert done.exit_code == 0, done.output
        found[name] = json.loads(done.stdout)["findings"]
    return found


def section(index: str, example: str) -> str:
    [text] = re.findall(rf"^## {example}\n(.*?)(?=^## |\Z)", index, re.DOTALL | re.MULTILINE)
    return text


def test_each_example_has_its_pages(script: ModuleType) -> None:
    assert sorted({p.example for p in script.PAGES}) == EXAMPLES
    assert sorted(f"{p.name}.html" for p in script.PAGES) == NAMES
    assert set(EXAMPLES) <= {p.name for p in script.PAGES}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_whole_and_needs_nothing_else(script: ModuleType, name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    page = Page(text)
    assert page.faults == []
    ids = set(page.values("id"))
    assert [h for h in page.values("href") if h != "data:,"] != []
    assert [h for h in page.values("href") if h != "data:," and h.removeprefix("#") not in ids] == []
    assert page.values("src") == []
    assert script.machine_paths(text) == []
    assert len(text.encode()) < MOST_BYTES


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_page_tells_every_finding_of_its_example(findings: dict[str, list[dict[str, Any]]], example: str) -> None:
    text = Page((FOLDER / f"{example}.html").read_text(encoding="utf-8")).text
    told = [f"{f['rule']} {f['path']}:{f['line']}" for f in findings[example]]
    assert [t for t in told if not all(part in text for part in t.split())] == [], "run `make reports`"


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_index_names_every_rule_and_place(
    index: str, findings: dict[str, list[dict[str, Any]]], example: str
) -> None:
    rows = re.findall(
        r"^\| .*?\[([\w-]+)\]\(\.\./rules/\1\.md\) \[`(.+?):(\d+)`\]", section(index, example), re.MULTILINE
    )
    wanted = {(f["rule"], f["path"]) for f in findings[example]}
    assert {(rule, path) for rule, path, _ in rows} == wanted
    places = {(f["rule"], f["path"], str(f["line"])) for f in findings[example]}
    assert [row for row in rows if row not in places] == [], "run `make reports`"


def test_the_index_leads_to_every_page_and_says_how_it_was_made(script: ModuleType, index: str) -> None:
    for page in script.PAGES:
        told = section(index, page.example)
        assert f"({page.name}.html)" in told
        assert f"`{' '.join(page.words)}`" in told
    assert re.search(r"on \d{4}-\d\d-\d\d with mlfix \S+, torch \d\S+, Python 3", index)
    assert re.search(r"\d+ cores \(.+\)", index)
    assert script.machine_paths(index) == []
    links = re.findall(r"\]\(([\w-]+\.html)#([\w-]+)\)", index)
    assert len(links) > 30
    ids = {name: set(Page((FOLDER / name).read_text(encoding="utf-8")).values("id")) for name in NAMES}
    assert [link for link in links if link[1] not in ids[link[0]]] == []


def test_a_path_of_a_machine_is_told_from_other_slashes(script: ModuleType) -> None:
    text = "in /home/someone/x.py, </div> steps/s losses/nt_xent.py ../examples/a/b.py https://a.org/b/c a//b M0 1/2"
    assert script.machine_paths(text) == ["/home/someone/x.py"]


def test_a_row_is_made_of_what_the_tests_record_and_the_verdicts_say(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="the page names the release of torch")
    verdict = {"rule": "val-autocast", "path": "doa/evaluate.py", "line": 57, "fingerprint": "f", "sentence": "it says"}
    pages = [script.Page(name, "music_doa", "python train.py") for name in ("one", "two")]
    for page, label in zip(pages, ("not reached", "verified"), strict=True):
        (tmp_path / f"{page.name}.json").write_text(json.dumps({"verdicts": [{**verdict, "label": label}]}))
    cells = {
        "report": "music_doa", "bug": "2 a|b", "found": "val-autocast doa/evaluate.py:57", "mended": "unsafe",
        "proved": "error 0.1 -> 0",
    }  # fmt: skip
    probed = {**cells, "bug": "5 it stops", "found": "probe planned-steps", "mended": "advice"}
    cases = "".join(
        f"<testcase><properties>{''.join(f'<property name={quoteattr(k)} value={quoteattr(v)}/>' for k, v in row.items())}"
        "</properties></testcase>"
        for row in (cells, probed)
    )
    table = tmp_path / "table.xml"
    table.write_text(f"<testsuites>{cases}<testcase/></testsuites>")
    card = '<article class="card" id="fix-{}"><h3>{} <span></span></h3><span class="place">{}</span></article>'
    cards = [
        ("val-autocast", "doa/evaluate.py:5"),
        ("tiny-epsilon", "doa/evaluate.py:57"),
        ("val-autocast", "doa/evaluate.py:57"),
    ]
    for page in pages:
        text = "".join(card.format(n, *told) for n, told in enumerate(cards, 1))
        (tmp_path / f"{page.name}.html").write_text(text)
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    monkeypatch.setattr(script, "KEPT", tmp_path)
    monkeypatch.setattr(script, "TABLE", table)
    monkeypatch.setattr(script, "PAGES", pages)
    text = script.index()
    assert "- [one.html](one.html): 0 of 1 fixes verified by `mlfix verify -- python train.py`." in text
    assert (
        "| 2 a\\|b | [val-autocast](../rules/val-autocast.md) [`doa/evaluate.py:57`]"
        "(../../examples/music_doa/doa/evaluate.py#L57) | unsafe fix | error 0.1 → 0 | [verified](two.html#fix-3) |"
    ) in text
    assert "| 5 it stops | `mlfix probe`: [planned-steps](../probes/planned-steps.md) | advice | error" in text
    assert "do not show" not in text
    (tmp_path / "two.json").write_text(json.dumps({"verdicts": []}))
    assert "- val-autocast in `doa/evaluate.py:57`, not reached: it says" in script.index()
