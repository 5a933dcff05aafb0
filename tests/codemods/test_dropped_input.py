"""The advice on inputs that go nowhere: it stacks them behind the others, and is never written by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlfix.analyzer.findings import Applicability
from mlfix.codemods.edits import apply_edits
from mlfix.rules.data.dropped_input import DroppedInput

from ..rules.harness import as_files, findings_of

WANTED = {
    "np.stack([raw, membrane, cleft])": "np.stack([raw, membrane, cleft, vesicles])",
    "np.stack([raw, cleft])": "np.stack([raw, cleft, membrane, vesicles])",
    "np.stack([flair, t1ce, t2], axis=0)": "np.stack([flair, t1ce, t2, t1], axis=0)",
}


@pytest.mark.parametrize("stack", WANTED)
def test_what_is_left_out_is_stacked_behind_the_others(stack: str, tmp_path: Path) -> None:
    case = next(c for c in DroppedInput.INVALID if isinstance(c.source, str) and stack in c.source)
    files = as_files(case.source)
    found = findings_of(tmp_path, files, DroppedInput())
    assert [f.fix.applicability for f in found if f.fix is not None] == [Applicability.ADVICE]
    assert found[0].fix is not None
    text = apply_edits(files["train.py"], found[0].fix.edits)
    assert WANTED[stack] in text
    assert not findings_of(tmp_path, {"train.py": text}, DroppedInput())
