"""Writes ``docs/reports/``: a page for each example, by ``mlfix verify``, and the index, from the tests of the reports.

With names of pages (or ``table``, the tests) only these and the index are made again, from what ``build/reports`` kept;
with ``index`` it alone.
"""

from __future__ import annotations

import ast
import datetime
import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reports"
KEPT = ROOT / "build" / "reports"
TABLE = KEPT / "table.xml"
_ABSOLUTE = re.compile(r"(?<![\w.:/<~)-])/(?:[\w.@+-]+/)+[\w.@+-]+")
_CARD = re.compile(r'<article class="card" id="([^"]+)"(.*?)</article>', re.DOTALL)
COLUMNS = ("Finding", "Found", "Mended", "Proved", "In the run")


@dataclass(frozen=True)
class Page:
    """One ``mlfix verify`` of an example, and why with these options."""

    name: str
    example: str
    command: str
    options: str = ""
    why: str = ""

    @property
    def words(self) -> list[str]:
        """The command line."""
        return ["mlfix", "verify", *self.options.split(), "--", *self.command.split()]

    @property
    def result(self) -> Path:
        """Where its verdicts are kept."""
        return KEPT / f"{self.name}.json"


PAGES = (
    Page("simclr3d", "simclr3d", "python train.py --epochs 2"),
    Page(
        "simclr3d-loop",
        "simclr3d",
        "python train.py --epochs 2 --loss loop --batch-size 16 --accumulation-steps 1",
        "--rule missing-diagonal-mask --rule loop-contrastive-loss",
        "The loss that is written as a loop is not the default one, and a small batch hides its cost.",
    ),
    Page("cryoem_pu", "cryoem_pu", "python train.py", "--steps 110", "A model is sure of nothing in the first steps."),
    Page("glyph_raster", "glyph_raster", "python train.py --epochs 2"),
    Page(
        "glyph_raster-supcon",
        "glyph_raster",
        "python train.py --epochs 2 --supcon-weight 0.5",
        "--rule inplace-autograd",
        "The loss with the write in place is switched off unless it is asked for.",
    ),
    Page("music_doa", "music_doa", "python train.py --epochs 2"),
    Page("text_detector", "text_detector", "python train.py --epochs 2"),
)


def make(page: Page) -> None:
    """Run the command in a copy of the example, and keep the page and its verdicts.

    Raises:
        SystemExit: nothing could be run, or the page names a folder of this machine.
    """
    print(f"{page.example}: {shlex.join(page.words)}", flush=True)
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / page.example
        shutil.copytree(ROOT / "examples" / page.example, copy, ignore=shutil.ignore_patterns("__pycache__", "runs"))
        own = {"MLFIX_CACHE_DIR": f"{work}/cache", "MLFIX_STATE_DIR": f"{work}/state", "OMP_NUM_THREADS": "1"}
        told = ["--report", str(FOLDER / f"{page.name}.html"), "--format", "json", "--output", str(page.result)]
        done = subprocess.run([*page.words[:2], *told, *page.words[2:]], cwd=copy, env=os.environ | own, check=False)
        if done.returncode not in (0, 1):  # 1: a fix is not verified, and the page says why
            sys.exit(f"{page.name}: mlfix ended with {done.returncode}")
    named = machine_paths((FOLDER / f"{page.name}.html").read_text(encoding="utf-8"))
    if named:
        sys.exit(f"{page.name}: the page names {', '.join(named)}")


def machine_paths(text: str) -> list[str]:
    """Absolute paths in a page: of this machine, and of no use to its reader."""
    return sorted(set(_ABSOLUTE.findall(text)))


def make_table() -> None:
    """Run the tests of the reports, and keep what they record.

    Raises:
        SystemExit: a test fails.
    """
    words = [sys.executable, "-m", "pytest", "-q", "tests/reports", f"--junitxml={TABLE}"]
    if subprocess.run(words, cwd=ROOT, check=False).returncode:
        sys.exit("the tests of the reports fail")


def rows() -> dict[str, list[dict[str, str]]]:
    """The cells of the table that the tests print, by example."""
    found: dict[str, list[dict[str, str]]] = {}
    for case in ET.parse(TABLE).iter("testcase"):
        cells = {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
        if "bug" in cells:
            found.setdefault(cells["report"], []).append(cells)
    return found


def index() -> str:
    """The text of ``index.md``."""
    examples = list(dict.fromkeys(p.example for p in PAGES))
    torch = importlib.metadata.version("torch")
    oldest = min(path.stat().st_mtime for path in (TABLE, *(p.result for p in PAGES)))
    day = datetime.datetime.fromtimestamp(oldest, datetime.timezone.utc).date().isoformat()
    table = rows()
    versions = f"mlfix {importlib.metadata.version('mlfix-torch')}, torch {torch}, Python {platform.python_version()}"
    lines = [
        "# The five reports",
        "",
        "Five training programs did not learn, and experts found by hand why. [The examples](../../examples) hold",
        "their bugs. mlfix finds, mends and proves them: each page below is one `mlfix verify`, which ran the program",
        "as is and with each rule's fixes. A page loads nothing from anywhere: open it from a checkout in a browser.",
        "[How to read one](../report.md).",
        "",
        f"Made by `make reports` on {day} with {versions},",
        f"on {_machine()}, with one thread.",
        "",
        "*Proved* is what `pytest tests/reports` measured there: the report's own measure on the program as is and",
        "with all fixes, or what `mlfix verify` measured. *In the run* is the verdict on the page. A finding has its",
        "number in the report.",
        "",
    ]
    for example in examples:
        lines += _section(example, table[example])
    return "\n".join(lines)


def _section(example: str, found: list[dict[str, str]]) -> list[str]:
    pages = [p for p in PAGES if p.example == example]
    verdicts = {p.name: json.loads(p.result.read_text(encoding="utf-8"))["verdicts"] for p in pages}
    test = (ROOT / "tests" / "reports" / f"test_{example}.py").read_text(encoding="utf-8")
    about = ast.get_docstring(ast.parse(test)) or ""
    lines = [f"## {example}", "", about, ""]
    for page in pages:
        good, total = sum(v["label"] == "verified" for v in verdicts[page.name]), len(verdicts[page.name])
        said = f"{good} of {total} fixes verified by `{shlex.join(page.words)}`."
        lines.append(f"- [{page.name}.html]({page.name}.html): {said}{' ' * bool(page.why)}{page.why}")
    lines += ["", f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
    lines += [_row(example, cells, verdicts) for cells in found]
    missed = _not_shown(verdicts)
    if missed:
        lines += ["", "What these runs do not show:", "", *missed]
    return [*lines, ""]


def _row(example: str, cells: dict[str, str], verdicts: dict[str, list[dict[str, Any]]]) -> str:
    found, run = _found_and_run(example, cells["found"], verdicts)
    mended = cells["mended"] if cells["mended"] == "advice" else f"{cells['mended']} fix"
    return "| " + " | ".join(_cell(c) for c in (cells["bug"], found, mended, cells["proved"], run)) + " |"


def _found_and_run(example: str, told: str, verdicts: dict[str, list[dict[str, Any]]]) -> tuple[str, str]:
    """What found it (``RULE PATH:LINE`` or ``probe NAME``), and the verdict on the page, each with a link."""
    rule, _, place = told.partition(" ")
    if rule == "probe":
        return f"`mlfix probe`: [{place}](../probes/{place}.md)", "not tried"
    path, _, line = place.partition(":")
    own = [(n, v) for n, vs in verdicts.items() for v in vs if (v["rule"], f"{v['path']}:{v['line']}") == (rule, place)]
    name, verdict = next((row for row in own if row[1]["label"] == "verified"), own[0] if own else ("", None))
    run = f"[{verdict['label']}]({name}.html{_anchor(name, rule, place)})" if verdict is not None else "not tried"
    return f"[{rule}](../rules/{rule}.md) [`{place}`](../../examples/{example}/{path}#L{line})", run


def _anchor(page: str, rule: str, place: str) -> str:
    """Where a page tells of a finding."""
    cards = _CARD.findall((FOLDER / f"{page}.html").read_text(encoding="utf-8"))
    places = (f'class="place">{place}<', f"<summary><code>{place}</code>")
    own = [anchor for anchor, text in cards if f">{rule} <" in text and any(p in text for p in places)]
    return f"#{own[0]}" if own else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("->", "→")


def _not_shown(verdicts: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Fixes that no page of an example verifies, each with what its runs say."""
    good = {v["fingerprint"] for vs in verdicts.values() for v in vs if v["label"] == "verified"}
    rest = {v["fingerprint"]: v for vs in verdicts.values() for v in vs if v["fingerprint"] not in good}
    return [f"- {v['rule']} in `{v['path']}:{v['line']}`, {v['label']}: {v['sentence']}" for v in rest.values()]


def _machine() -> str:
    """The kind of processor, where the system tells it."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        told = ""
    model = next((line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores ({model or platform.machine()}) without a GPU, {platform.system()}"


if __name__ == "__main__":
    asked = set(sys.argv[1:])
    unknown = asked - {"table", "index", *(p.name for p in PAGES)}
    if unknown:
        sys.exit(f"no such page: {', '.join(sorted(unknown))}")
    for folder in (FOLDER, KEPT):
        folder.mkdir(parents=True, exist_ok=True)
    for each in PAGES:
        if each.name in asked or not asked:
            make(each)
    if "table" in asked or not asked:
        make_table()
    missing = [path.stem for path in (TABLE, *(p.result for p in PAGES)) if not path.exists()]
    if missing:
        sys.exit(f"the index needs these, too: {' '.join(missing)}")
    (FOLDER / "index.md").write_text(index(), encoding="utf-8")
    print("docs/reports/index.md")
