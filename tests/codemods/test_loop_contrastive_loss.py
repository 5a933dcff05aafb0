"""The lifted losses, run: equal to the loop to 1e-6 in value and gradient, together with the mask of self pairs too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlfix.analyzer.engine import Request
from mlfix.codemods import all_codemods
from mlfix.codemods.session import mend
from mlfix.rules import all_rules
from mlfix.rules.loss.loop_contrastive_loss import LoopContrastiveLoss

torch = pytest.importorskip("torch", reason="the mended losses need torch to run")
CASES = [c for c in LoopContrastiveLoss.INVALID if c.fixed is not None]
RUNS: dict[str, Callable[[dict[str, Any], Any, Any], Any]] = {
    "def nt_xent(": lambda names, a, b: names["nt_xent"](a, b, 0.3),
    "class Alignment": lambda names, a, b: names["Alignment"]().double()(a, b),
    "def info_nce": lambda names, a, b: names["info_nce"](a, b, 0.3),
}


def value_and_slopes(source: str, size: int) -> tuple[Any, Any, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "train.py", "exec"), names)
    torch.manual_seed(size)
    a, b = (torch.randn(size, 5, dtype=torch.double, requires_grad=True) for _ in range(2))
    run = next(r for piece, r in RUNS.items() if piece in source)
    loss = run(names, a, b)
    loss.backward()
    return loss.detach(), a.grad, b.grad


def test_every_case_is_run() -> None:
    assert len(CASES) == 6
    assert all(any(piece in str(c.source) for piece in RUNS) for c in CASES)


@pytest.mark.parametrize("size", [2, 7])
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_a_lifted_loss_is_the_loops(case: Any, size: int) -> None:
    looped, lifted = value_and_slopes(case.source, size), value_and_slopes(case.fixed, size)
    for one, other in zip(looped, lifted, strict=True):
        assert torch.isfinite(one).all()
        torch.testing.assert_close(other, one, rtol=1e-6, atol=1e-9)


def test_it_goes_together_with_the_mask_of_self_pairs(tmp_path: Path) -> None:
    """Both fixes of one loop, in whatever order they are made, end in a loss without loop and without self pairs."""
    source = str(CASES[0].source)
    (tmp_path / "train.py").write_text(source)
    rules = [r for r in all_rules() if r.name in ("loop-contrastive-loss", "missing-diagonal-mask")]
    mended = mend(Request(tmp_path, rules, all_codemods()), lambda finding, fix: True)
    assert not mended.refused
    assert not mended.report.findings
    fixed = mended.changes["train.py"].after.decode()
    assert "for i" not in fixed
    loss, *_ = value_and_slopes(fixed, 6)
    torch.manual_seed(6)
    a, b = (torch.randn(6, 5, dtype=torch.double) for _ in range(2))
    z = torch.nn.functional.normalize(torch.cat([a, b]), dim=1)
    sim = z @ z.T / 0.3
    wanted = 0.0
    for i in range(12):
        others = torch.stack([sim[i, j] for j in range(12) if j != i])
        wanted = wanted + torch.logsumexp(others, 0) - sim[i, (i + 6) % 12]
    torch.testing.assert_close(loss, wanted / 12, rtol=1e-6, atol=1e-9)
