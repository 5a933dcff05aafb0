"""The supervised contrastive loss that untrained-head adds is the one of its paper."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from mlfix.codemods.model.untrained_head import LOSS

torch: Any = pytest.importorskip("torch")


@pytest.fixture
def loss() -> Callable[..., Any]:
    space: dict[str, Any] = {"torch": torch}
    exec(LOSS.format(function="embedding_loss", weight="EMBEDDING_WEIGHT", torch="torch"), space)
    return space["embedding_loss"]


def by_the_book(embeddings: Any, labels: Any, temperature: float) -> float:
    """Khosla et al. 2020, equation 2, with the mean over the rows that have a partner; float64, sums written out."""
    z = embeddings.double()
    z = z / z.norm(dim=1, keepdim=True)
    rows = []
    for i in range(len(z)):
        partners = [p for p in range(len(z)) if p != i and labels[p] == labels[i]]
        if not partners:
            continue
        logits = [float(z[i] @ z[a]) / temperature for a in range(len(z))]
        total = sum(math.exp(logits[a]) for a in range(len(z)) if a != i)
        rows.append(-sum(logits[p] - math.log(total) for p in partners) / len(partners))
    return sum(rows) / len(rows) if rows else 0.0


@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("classes", [2, 5, 12])
def test_it_is_the_papers_loss(loss: Callable[..., Any], temperature: float, classes: int) -> None:
    torch.manual_seed(classes)
    embeddings, labels = torch.randn(24, 16, dtype=torch.float64), torch.randint(classes, (24,))
    wanted = by_the_book(embeddings, labels, temperature)
    assert loss(embeddings, labels, temperature).item() == pytest.approx(wanted, rel=1e-5)
    assert loss(embeddings.float(), labels, temperature).item() == pytest.approx(wanted, rel=1e-4)


def test_its_gradient_is_right(loss: Callable[..., Any]) -> None:
    torch.manual_seed(0)
    embeddings, labels = torch.randn(6, 4, requires_grad=True), torch.tensor([0, 0, 1, 1, 1, 2])
    loss(embeddings, labels, 0.5).backward()
    step = 1e-4
    for place in ((0, 0), (3, 2), (5, 1)):
        moved = [embeddings.detach().double().clone() for _ in range(2)]
        moved[0][place] += step
        moved[1][place] -= step
        slope = (by_the_book(moved[0], labels, 0.5) - by_the_book(moved[1], labels, 0.5)) / (2 * step)
        assert embeddings.grad[place].item() == pytest.approx(slope, abs=1e-3)


@pytest.mark.parametrize("labels", [[0], [0, 1, 2], [3, 3, 3]])
def test_rows_without_partners_cost_nothing_and_stay_finite(loss: Callable[..., Any], labels: list[int]) -> None:
    embeddings = torch.randn(len(labels), 8, requires_grad=True)
    value = loss(embeddings, torch.tensor(labels))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(embeddings.grad).all()
    if len(set(labels)) == len(labels):
        assert value.item() == 0.0


def test_half_precision_is_computed_in_float32(loss: Callable[..., Any]) -> None:
    torch.manual_seed(1)
    embeddings, labels = torch.randn(16, 32), torch.randint(4, (16,))
    value = loss(embeddings.half(), labels)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(by_the_book(embeddings, labels, 0.1), rel=1e-2)
