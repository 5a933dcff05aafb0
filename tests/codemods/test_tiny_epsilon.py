"""The mended floors, run: finite where the code was not, and the same number where the old floor held."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.rules.loss.tiny_epsilon import TinyEpsilon

torch = pytest.importorskip("torch", reason="the mended code needs torch to run")


def sources(*pieces: str) -> tuple[str, str]:
    """The one case whose source holds all pieces, before and after its fix."""
    found = [c for c in TinyEpsilon.INVALID if all(p in str(c.source) for p in pieces)]
    assert len(found) == 1, pieces
    return str(found[0].source), str(found[0].fixed)


def names(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(compile(source, "train.py", "exec"), space)
    return space


@pytest.mark.parametrize("piece", ["(p + 1e-8).log()", "p.clamp(min=1e-9)"])
def test_a_floor_holds_in_float16_and_stays_in_float32(piece: str) -> None:
    before, after = (names(s)["focal"] for s in sources("def focal", piece))
    target = torch.tensor([1.0, 0.0, 1.0])
    sharp = torch.tensor([-20.0, 20.0, 0.3], dtype=torch.float16)
    assert not torch.isfinite(before(sharp, target))
    assert torch.isfinite(after(sharp, target))
    mild = torch.tensor([-3.0, 2.0, 0.3])
    assert after(mild, target).item() == before(mild, target).item()


LOGARITHMS = {
    "torch.log(probs)": "softmax",
    "F.kl_div(torch.log": "softmax",
    "logits.softmax(dim=-1).log()": "softmax",
    "torch.log(torch.sigmoid(logits))": "sigmoid",
    "torch.log(1 - p)": "sigmoid",
}


@pytest.mark.parametrize("piece", LOGARITHMS)
def test_the_logarithm_of_a_probability_is_finite_and_the_same_elsewhere(piece: str) -> None:
    before, after = (names(s)["SoftCrossEntropy"]() for s in sources("class SoftCrossEntropy", piece))
    torch.manual_seed(0)
    logits, target = torch.randn(4, 6, dtype=torch.double), torch.rand(4, 6, dtype=torch.double)
    torch.testing.assert_close(after(logits, target), before(logits, target), rtol=1e-12, atol=0)
    sharp = torch.tensor([[200.0, -200.0, 0.0]], requires_grad=True)
    zeros = torch.tensor([[1.0, 0.0, 0.0]])
    assert not torch.isfinite(before(sharp, zeros))
    loss = after(sharp, zeros)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(sharp.grad).all()


def test_bounds_that_float32_tells_from_one() -> None:
    before, after = (names(s)["bce"] for s in sources("def bce"))
    prob, target = torch.tensor([1.0, 0.5]), torch.tensor([0.0, 1.0])
    assert not torch.isfinite(before(prob, target))
    assert torch.isfinite(after(prob, target))
    assert after(prob[1:], target[1:]) == before(prob[1:], target[1:])
    before, after = (names(s)["angle"] for s in sources("def angle"))
    for sign in (1.0, -1.0):
        slopes = []
        for function in (before, after):
            a = torch.tensor([[sign, 0.0]], requires_grad=True)
            function(a, torch.tensor([[1.0, 0.0]])).backward()
            slopes.append(bool(torch.isfinite(a.grad).all()))
        assert slopes == [False, True]


@pytest.mark.parametrize("piece", ["dist.clamp(min=0).sqrt()", "torch.sqrt(dist + 1e-12)"])
def test_the_distance_of_a_row_to_itself_has_a_gradient(piece: str) -> None:
    before, after = (names(s)["pairwise"] for s in sources("def pairwise", piece))
    torch.manual_seed(0)
    rows = torch.randn(64, 32)
    results = []
    for function in (before, after):
        z = rows.clone().requires_grad_()
        function(torch.nn.functional.normalize(z)).sum().backward()
        results.append(bool(torch.isfinite(z.grad).all()))
    assert results == [False, True]
    apart = ~torch.eye(64, dtype=torch.bool)
    torch.testing.assert_close(after(rows)[apart], before(rows)[apart], rtol=1e-4, atol=1e-4)


def test_an_eigenvalue_a_little_below_zero() -> None:
    before, after = (names(s)["gap_term"] for s in sources("def gap_term"))
    torch.manual_seed(0)
    factor = torch.randn(200, 8, 2) @ torch.randn(2, 4)
    values = torch.linalg.eigvalsh(factor.transpose(-1, -2) @ factor)[:, 0]
    assert (values < 0).any(), "the smallest eigenvalue of a matrix of rank two is 0, to rounding"
    noise = torch.full((200,), 0.1)
    assert not torch.isfinite(before(factor, noise))
    assert torch.isfinite(after(factor, noise))
