"""The mended losses, run: equal to one written without self pairs, and with a gradient that is finite everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from mlfix.rules.loss.missing_diagonal_mask import MissingDiagonalMask

torch = pytest.importorskip("torch", reason="the mended losses need torch to run")
Build = Callable[[Mapping[str, Any], Any, Any], Any]
N, TAU = 5, 0.2


def without_self(logits):
    """The log of each row's sum of exponentials, the row's own column left out by selection."""
    n = len(logits)
    return torch.stack([torch.logsumexp(torch.cat([logits[i, :i], logits[i, i + 1 :]]), 0) for i in range(n)])


def unit(z):
    return z / z.norm(dim=-1, keepdim=True)


def partner(n):
    return torch.cat([torch.arange(n, 2 * n), torch.arange(n)])


def nt_xent(logits):
    rows = torch.arange(len(logits))
    return (without_self(logits) - logits[rows, partner(len(logits) // 2)]).mean()


def supervised(z, labels, tau):
    z = unit(z)
    logits = z @ z.T / tau
    total = 0
    for i, bottom in enumerate(without_self(logits)):
        same = [j for j in range(len(z)) if j != i and labels[j] == labels[i]]
        total = total + sum(bottom - logits[i, j] for j in same) / len(same)
    return total / len(z)


def shared(z, labels, tau):
    z = unit(z)
    e = torch.exp(z @ z.T / tau)
    total = 0
    for i in range(len(z)):
        pos = sum(e[i, j] for j in range(len(z)) if j != i and labels[j] == labels[i])
        total = total - torch.log(pos / sum(e[i, j] for j in range(len(z)) if j != i))
    return total / len(z)


def neighbours(x, y):
    p = torch.exp(-(torch.cdist(x, x) ** 2))
    total = 0
    for i in range(len(x)):
        bottom = sum(p[i, j] for j in range(len(x)) if j != i)
        total = total - torch.log(sum(p[i, j] for j in range(len(x)) if j != i and y[j] == y[i]) / bottom + 1e-12)
    return total / len(x)


def within_and_between(a, b):
    logits = a @ b.T
    bottom = torch.logaddexp(torch.logsumexp(logits, 1), without_self(a @ a.T))
    return (bottom - logits.diagonal()).mean()


def over_time(z1, z2):
    z = torch.cat([z1, z2]).transpose(0, 1)
    return torch.stack([nt_xent(s @ s.T) for s in z]).mean()


LABELS = torch.tensor([0, 1, 0, 1, 2, 2, 0, 1, 2, 0])
FLAT, SERIES = (2 * N, 6), (2 * N, 3, 6)
# By a piece of the case's source: the shape of the input, the mended loss, and the loss that it should be.
LOSSES: dict[str, tuple[tuple[int, ...], Build, Callable[[Any], Any]]] = {
    "def supervised_contrastive(": (
        FLAT,
        lambda m, z, _: m["supervised_contrastive"](z, LABELS, TAU),
        lambda z: supervised(z, LABELS, TAU),
    ),
    "def loss_fn(z, labels, tau": (
        FLAT,
        lambda m, z, _: m["loss_fn"](z, LABELS, TAU),
        lambda z: shared(z, LABELS, TAU),
    ),
    "class NTXentLoss": (
        FLAT,
        lambda m, z, n: m["NTXentLoss"](TAU)(z[:n], z[n:]),
        lambda z: nt_xent(unit(z) @ unit(z).T / TAU),
    ),
    "class Contrast(": (
        FLAT,
        lambda m, z, n: m["Contrast"](TAU)(z[:n], z[n:]),
        lambda z: nt_xent(unit(z) @ unit(z).T / TAU),
    ),
    "def contrastive_loss(": (
        FLAT,
        lambda m, z, n: m["contrastive_loss"](z[:n], z[n:]),
        lambda z: within_and_between(z[:N], z[N:]),
    ),
    "def instance_loss(": (
        SERIES,
        lambda m, z, n: m["instance_loss"](z[:n], z[n:]),
        lambda z: over_time(z[:N], z[N:]),
    ),
    "def nt_xent(z, n, tau)": (
        FLAT,
        lambda m, z, n: m["nt_xent"](z, n, TAU),
        lambda z: nt_xent(unit(z) @ unit(z).T / TAU),
    ),
    "def loss(queries, keys)": (
        FLAT,
        lambda m, z, n: m["loss"](z[:n], z[n:]),
        lambda z: nt_xent(z @ z.T / 0.1),
    ),
    "def nca(x, y)": (FLAT, lambda m, z, _: m["nca"](z, LABELS), lambda z: neighbours(z, LABELS)),
    "logit_scale": (
        FLAT,
        lambda m, z, n: m["M"]().double()(z[:n], z[n:]),
        lambda z: nt_xent(z @ z.T * torch.tensor(2.6, dtype=torch.double).exp()),
    ),
    "def ntx(z1, z2": (FLAT, lambda m, z, n: m["ntx"](z[:n], z[n:]), lambda z: nt_xent(z @ z.T / 0.5)),
}


def source_of(piece: str) -> tuple[str, str]:
    """The source of the rule's case that holds a piece of code, before and after its fix."""
    found = [
        (c.source, c.fixed) for c in MissingDiagonalMask.INVALID if isinstance(c.source, str) and piece in c.source
    ]
    assert len(found) == 1, piece
    source, fixed = found[0]
    assert isinstance(source, str) and isinstance(fixed, str)
    return source, fixed


def run(source: str, build: Build, z: Any) -> Any:
    names: dict[str, Any] = {}
    exec(compile(source, "loss.py", "exec"), names)
    return build(names, z, N)


@pytest.mark.parametrize("piece", LOSSES)
def test_a_mended_loss_leaves_self_pairs_out(piece: str) -> None:
    shape, build, expected = LOSSES[piece]
    source, fixed = source_of(piece)
    torch.manual_seed(0)
    z = (0.5 * torch.randn(shape, dtype=torch.double)).requires_grad_()
    wanted = expected(z)
    (slope,) = torch.autograd.grad(wanted, z)
    loss = run(fixed, build, z)
    loss.backward()
    assert torch.allclose(loss, wanted, rtol=1e-6)
    assert torch.isfinite(z.grad).all()
    assert torch.allclose(z.grad, slope, rtol=1e-5, atol=1e-8)
    assert not torch.allclose(run(source, build, z.detach()), wanted.detach(), rtol=1e-3), "the bug shows in the loss"


@pytest.mark.parametrize("piece", LOSSES)
def test_a_mended_loss_bears_single_precision_and_sharp_temperatures(piece: str) -> None:
    shape, build, _ = LOSSES[piece]
    _, fixed = source_of(piece)
    torch.manual_seed(1)
    z = torch.nn.functional.normalize(torch.randn(shape), dim=-1).requires_grad_()
    build_here = build if piece != "logit_scale" else lambda m, x, n: m["M"]()(x[:n], x[n:])
    loss = run(fixed, build_here, z)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(z.grad).all()
