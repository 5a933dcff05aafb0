"""What autograd saves: the table against torch's own derivatives, and against what the installed torch does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlfix.analyzer.flow.autograd.saved import VIEWS, WEIGHTED
from mlfix.rules import knowledge
from mlfix.rules.knowledge.saved_values import saved_values

torch = pytest.importorskip("torch", reason="the table is about torch")
F = torch.nn.functional
TABLE = yaml.safe_load((Path(knowledge.__file__).parent / "saved_values.yaml").read_text())
ROWS = {name: row for row in TABLE["operations"] for name in row["names"]}
SQUARE = torch.rand(4, 4, dtype=torch.double) * 0.4 + 0.5
# How to call what needs more than a tensor.
CALLS: dict[str, Any] = {
    **{n: (lambda x, n=n: getattr(F, n)(x, dim=1)) for n in ("softmax", "softmin", "log_softmax")},
    **{
        n: (lambda x, n=n: getattr(torch, n)(x, dim=1))
        for n in ("logsumexp", "logcumsumexp", "cumprod", "amax", "amin")
    },
    "gumbel_softmax": F.gumbel_softmax,
    "vector_norm": torch.linalg.vector_norm,
    "matrix_norm": torch.linalg.matrix_norm,
    "pairwise_distance": lambda x: F.pairwise_distance(x, x.detach() + 1),
    "cdist": lambda x: torch.cdist(x, x.detach() + 1),
    "inverse": lambda x: torch.inverse(x @ x.T + torch.eye(4)),
    "inv": lambda x: torch.linalg.inv(x @ x.T + torch.eye(4)),
    "cholesky": lambda x: torch.linalg.cholesky(x @ x.T + torch.eye(4)),
    "clamp": lambda x: x.clamp(min=0.6),
    "layer_norm": lambda x: F.layer_norm(x, (4,)),
    "group_norm": lambda x: F.group_norm(x, 2),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
    "instance_norm": lambda x: F.instance_norm(x[None]),
}
LAYERS: dict[str, Any] = {
    "Linear": lambda: torch.nn.Linear(4, 4),
    "LayerNorm": lambda: torch.nn.LayerNorm(4),
    "GroupNorm": lambda: torch.nn.GroupNorm(2, 4),
    "PReLU": lambda: torch.nn.PReLU(),
    "BatchNorm1d": lambda: torch.nn.BatchNorm1d(4),
    "Conv1d": lambda: torch.nn.Conv1d(4, 4, 1),
    "ConvTranspose1d": lambda: torch.nn.ConvTranspose1d(4, 4, 1),
}


def refuses(apply: Any, changed: str, *, needs_grad: bool = True) -> bool:
    """Whether backward refuses to run after a change in place of the operation's result or input."""
    given = SQUARE.clone().requires_grad_(needs_grad) * 1.0
    result = apply(given)
    with torch.no_grad():
        (result if changed == "result" else given).add_(0.0)
    try:
        result.sum().backward()
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)
        return True
    return False


@pytest.mark.parametrize("name", ROWS)
def test_the_installed_torch_saves_what_the_table_says(name: str) -> None:
    apply = CALLS.get(name) or getattr(torch, name, None) or getattr(F, name)
    for what in ("result", "input"):
        if what == "input" and name in ("inverse", "inv", "cholesky"):
            continue  # the product before them saves it
        assert refuses(apply, what) == (what in ROWS[name]["saves"]), what


@pytest.mark.parametrize("name", ROWS)
def test_each_row_is_torchs_own(name: str) -> None:
    found = importlib.util.find_spec("torchgen")
    if found is None or found.origin is None:
        pytest.skip("this torch has no torchgen")
    path = Path(found.origin).parent / "packaged/autograd/derivatives.yaml"
    rows = {row["name"].split("(")[0]: row for row in yaml.safe_load(path.read_text())}
    row = ROWS[name]
    names, _, formula = row["formula"].partition(": ")
    assert rows[row["row"]][names] == formula
    if "result" in row["saves"]:
        assert re.search(r"\bresult\b|\binverse\b|\bL\b", formula)
    if row["saves"] == ["input"]:
        assert re.search(r"\b(self|input)\b", formula)


@pytest.mark.parametrize("name", sorted(n for n, o in saved_values().layers.items() if o != WEIGHTED))
def test_a_layer_saves_what_its_operation_saves(name: str) -> None:
    layer = getattr(torch.nn, name)
    shape = (lambda x: x[None]) if name == "Softmax2d" else (lambda x: x)
    made = layer(dim=1) if name in ("Softmax", "Softmin", "LogSoftmax") else layer()
    saves = ROWS[saved_values().layers[name]]["saves"]
    assert refuses(lambda x: made(shape(x)), "result") == ("result" in saves)
    assert refuses(lambda x: made(shape(x)), "input") == ("input" in saves)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_with_weights_saves_its_input_even_if_that_needs_no_gradient(name: str) -> None:
    assert saved_values().layers[name] == WEIGHTED
    layer = LAYERS[name]().double()
    given = (lambda x: x[None]) if "Conv" in name else (lambda x: x)
    assert refuses(lambda x: layer(given(x)), "input", needs_grad=False)
    assert not refuses(lambda x: layer(given(x)), "result")


@pytest.mark.parametrize(
    "apply",
    [
        lambda x: x / 2,
        lambda x: x @ SQUARE,
        lambda x: torch.cat([x, x]),
        lambda x: x.masked_fill(x > 0.7, 0),
        lambda x: x.clone(),
        lambda x: F.leaky_relu(x),
        lambda x: x + 1,
        lambda x: x.max(dim=1).values,
        lambda x: F.normalize(x),
    ],
    ids=range(9),
)
def test_the_results_of_other_operations_may_be_changed(apply: Any) -> None:
    assert not refuses(apply, "result")


def test_views_share_memory() -> None:
    x = torch.rand(4, 4, 1)
    calls = {
        "view": (16,), "transpose": (0, 1), "swapaxes": (0, 1), "swapdims": (0, 1), "permute": (1, 0, 2), "narrow": (0, 0, 2),
        "unsqueeze": (0,), "select": (0, 0), "expand": (4, 4, 3), "expand_as": (torch.rand(4, 4, 3),), "reshape": (16,),
        "view_as": (torch.rand(16),), "unfold": (0, 2, 1), "movedim": (0, 1), "chunk": (2,), "split": (2,),
        "unflatten": (0, (2, 2)),
    }  # fmt: skip
    for name in VIEWS - {"t"}:
        result = getattr(x, name)(*calls.get(name, ()))
        first = result[0] if isinstance(result, (tuple, list)) else result
        assert first.data_ptr() == x.data_ptr(), name
