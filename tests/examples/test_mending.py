"""The examples end up clean whatever the order in which a user consents to their fixes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mlfix.analyzer.engine import Request
from mlfix.analyzer.findings import Applicability, Finding
from mlfix.codemods import all_codemods
from mlfix.codemods.session import mend
from mlfix.rules import all_rules

from .programs import copy_example


def is_safe(finding: Finding, _: object) -> bool:
    return finding.fix is not None and finding.fix.applicability is Applicability.SAFE


def is_advice(finding: Finding) -> bool:
    return finding.fix is None or finding.fix.applicability is Applicability.ADVICE


def everything(_: Finding, __: object) -> bool:
    return True


@pytest.mark.parametrize("name", ["simclr3d", "glyph_raster", "music_doa", "text_detector", "cryoem_pu"])
def test_safe_fixes_first_and_the_others_later(tmp_path: Path, name: str) -> None:
    root = copy_example(name, tmp_path)
    request = Request(root, all_rules(), all_codemods())
    for consent in (is_safe, everything):
        mended = mend(request, consent)
        for path, change in mended.changes.items():
            (root / path).write_bytes(change.after)
    assert not mended.refused
    assert [f for f in mended.report.findings if not is_advice(f)] == []


def test_a_raised_pin_takes_the_code_with_it(tmp_path: Path) -> None:
    root = copy_example("simclr3d", tmp_path)
    request = Request(root, all_rules(), all_codemods())
    first = mend(request, is_safe)
    assert b"from torch.cuda.amp import" in first.changes["train_simclr.py"].after
    for path, change in first.changes.items():
        (root / path).write_bytes(change.after)
    second = mend(request, everything)
    assert b"torch==2.4.0" in second.changes["requirements.txt"].after
    assert b"from torch.amp import" in second.changes["train_simclr.py"].after


@pytest.mark.parametrize("name", ["simclr3d", "glyph_raster", "music_doa", "text_detector", "cryoem_pu"])
def test_mended_code_is_as_tidy_as_it_was(tmp_path: Path, name: str) -> None:
    """No unused import or name, no undefined one, that was not there before; and no line that is too long."""
    root = copy_example(name, tmp_path)
    before = _complaints(root)
    mended = mend(Request(root, all_rules(), all_codemods()), everything)
    for path, change in mended.changes.items():
        (root / path).write_bytes(change.after)
        lengths = [max(map(len, text.decode().splitlines())) for text in (change.before, change.after)]
        assert lengths[1] <= max(100, lengths[0]), path
    assert _complaints(root) <= before


def _complaints(root: Path) -> set[tuple[str, str]]:
    """What ruff says of names in some folder."""
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed here")
    asked = ("check", "--isolated", "--select", "F", "--output-format", "json", "--no-cache")
    said = subprocess.run([ruff, *asked, root], capture_output=True, text=True, check=False)
    return {(row["filename"], row["message"]) for row in json.loads(said.stdout)}
