"""The mended code, run: backward refuses the code as it was, and gives the gradient of a plain formula afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from mlfix.rules.loss.inplace_autograd import InplaceAutograd

torch = pytest.importorskip("torch", reason="the mended code needs torch to run")
LABELS = torch.tensor([0, 1, 0, 1, 2, 2])
CASES = [c for c in InplaceAutograd.INVALID if isinstance(c.source, str) and isinstance(c.fixed, str)]
LOSSES = [c for c in CASES if "def supervised_contrastive" in str(c.source)]
BLOCKS = [c for c in CASES if "class Block" in str(c.source)]


def run(source: Any) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "train.py", "exec"), names)
    return names


def supervised(z: Any, temperature: float) -> Any:
    z = z / z.norm(dim=1, keepdim=True)
    e = torch.exp(z @ z.T / temperature)
    total = 0
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        same = sum(e[i, j] for j in others if LABELS[j] == LABELS[i])
        total = total - torch.log(same / sum(e[i, j] for j in others))
    return total / len(z)


def test_there_are_cases_of_each_kind() -> None:
    assert len(LOSSES) == 4
    assert len(BLOCKS) == 3


@pytest.mark.parametrize("case", LOSSES, ids=range(4))
def test_a_loss_is_the_same_number_and_has_its_gradient(case: Any) -> None:
    torch.manual_seed(0)
    z = torch.randn(6, 5, requires_grad=True)
    before = run(case.source)["supervised_contrastive"](z, LABELS, 0.5)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        before.backward()
    after = run(case.fixed)["supervised_contrastive"](z, LABELS, 0.5)
    assert after.item() == before.item()
    after.backward()
    wide = z.detach().double().requires_grad_()
    supervised(wide, 0.5).backward()
    assert wide.grad is not None and z.grad is not None
    torch.testing.assert_close(z.grad.double(), wide.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", BLOCKS, ids=range(3))
def test_a_block_gives_the_same_and_can_be_trained(case: Any) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 8, 5, 5)
    outputs = []
    for source in (case.source, case.fixed):
        torch.manual_seed(1)
        block = run(source)["Block"](8)
        given = (x.clone().requires_grad_() * 1.0).clone()
        out = block(given)
        outputs.append(out.detach())
        if source is case.source:
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                out.sum().backward()
        else:
            out.sum().backward()
            assert all(p.grad is not None for p in block.conv.parameters())
    assert torch.equal(*outputs)


def case_with(text: str) -> Any:
    return next(c for c in CASES if text in str(c.source))


def test_the_root_of_an_error_with_a_penalty() -> None:
    case = case_with("F.mse_loss(net(x), y)")
    x, y = torch.randn(4, 8), torch.randn(4, 1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        run(case.source)["step"](x, y)
    assert run(case.fixed)["step"](x, y) > 0


def test_a_masked_gate() -> None:
    case = case_with("weight.masked_fill_")
    x, mask = torch.randn(4, 8), torch.tensor([[True], [False], [False], [True]])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        run(case.source)["Gate"](8)(x, mask).sum().backward()
    gate = run(case.fixed)["Gate"](8)
    gate(x, mask).sum().backward()
    assert gate.score.weight.grad is not None


def test_weights_are_changed_where_autograd_does_not_record() -> None:
    case = case_with("p.add_(p.grad, alpha=-lr)")
    net = torch.nn.Linear(3, 1)
    loader = [(torch.ones(2, 3), torch.zeros(2, 1))]
    with pytest.raises(RuntimeError, match="leaf Variable"):
        run(case.source)["train"](net, loader, torch.nn.MSELoss(), 0.1)
    before = [p.detach().clone() for p in net.parameters()]
    run(case.fixed)["train"](net, loader, torch.nn.MSELoss(), 0.1)
    for old, new in zip(before, net.parameters(), strict=True):
        assert new.grad is not None
        torch.testing.assert_close(new.detach(), old - 0.1 * new.grad)
    scale = case_with("self.scale.clamp_")
    with pytest.raises(RuntimeError, match="leaf Variable"):
        run(scale.source)["Scale"]()(torch.ones(2))
    run(scale.fixed)["Scale"]()(torch.ones(2)).sum().backward()
