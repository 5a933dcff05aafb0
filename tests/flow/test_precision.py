"""Which type a value has inside autocast and after it."""

import pytest
from mlfix.analyzer.flow.precision.ambient import ambients
from mlfix.analyzer.flow.precision.values import Precisions
from mlfix.rules import knowledge

from ..projects import only, project_of

HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from contextlib import nullcontext, suppress
from functools import partial
from torch.cuda.amp import autocast


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.fc = nn.Linear(3, 4)
        self.norm = nn.LayerNorm(4)

    def forward(self, x):
        h = self.body(x)
        return self.fc(h), self.norm(h), h


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 4)

    @autocast(enabled=False)
    def forward(self, x):
        return self.fc(x.float())


net = Net().cuda()
criterion = nn.CrossEntropyLoss()
"""


def kinds(code: str, target: str = "out") -> set[str]:
    project = project_of({"a.py": HEAD + code})
    module = project.module("a.py")
    known = Precisions(project.flow, knowledge.autocast()).evaluate(project.flow.operand(module, only(module, target)))
    return {k.what.type or k.what.number.value for k in known}


def step(body: str, context: str = "autocast()") -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return f"for x, y in data:\n    with {context}:\n        a, b, h = net(x)\n{lines}    use(out)\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("out = a", "float16"),
        ("out = b", "float32"),
        ("out = h", "float16"),
        ("out = criterion(a, y)", "float32"),
        ("out = (a - h).abs().mean()", "float16"),
        ("out = (a - h).square().mean()", "float32"),
        ("out = (a - h) ** 2", "float32"),
        ("out = torch.exp(a)", "float32"),
        ("out = a @ h.t() / 0.07", "float16"),
        ("out = F.normalize(a, dim=1)", "float32"),
        ("out = F.normalize(a, dim=1) @ h.t()", "float16"),
        ("out = a / a.norm()", "float16"),
        ("out = a / a.norm(dim=1, keepdim=True)", "float32"),
        ("out = torch.cat([a, b])", "float32"),
        ("out = torch.stack((a, h))", "float16"),
        ("out = F.cosine_similarity(a, h)", "float32"),
        ("out = a.float()", "float32"),
        ("out = b.to(a.dtype)", "float16"),
        ("out = b.to(device)", "float32"),
        ("out = a.argmax(1)", "exact"),
        ("out = a - torch.zeros(3)", "float32"),
        ("out = torch.complex(b, b) @ torch.complex(b, b)", "complex"),
        ("out = sum([a.mean(), b.mean()])", "float32"),
        ("with autocast(enabled=False):\n    out = criterion(a, y)", "float16"),
        ("with torch.no_grad():\n    out = criterion(a, y)", "float32"),
    ],
)
def test_inside(body: str, kind: str) -> None:
    assert kinds(step(body)) == {kind}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("out = criterion(a, y)", "float16"),
        ("out = criterion(b, y)", "float32"),
        ("out = criterion(a.float(), y)", "float32"),
        ("out = F.mse_loss(a, torch.ones(3))", "float32"),
        ("out = F.mse_loss(a, h)", "float16"),
        ("out = F.mse_loss(a, y)", "unknown"),
        ("out = criterion(input=a, target=y)", "float16"),
        ("out = F.mse_loss(a, target=torch.ones(3))", "float32"),
        ("out = F.mse_loss(target=torch.ones(3), input=a)", "float32"),
        ("out = F.cross_entropy(target=y, input=a)", "float16"),
        ("out = a.exp().sum()", "float16"),
    ],
)
def test_after(body: str, kind: str) -> None:
    code = step("pass").replace("    use(out)", "".join(f"    {line}\n" for line in body.splitlines()))
    assert kinds(code) == {kind}


@pytest.mark.parametrize(
    ("context", "kind"),
    [
        ("torch.autocast('cuda', torch.bfloat16)", {"bfloat16"}),
        ("torch.autocast(device_type='cpu')", {"bfloat16"}),
        ("torch.cuda.amp.autocast(dtype=torch.bfloat16 if big else torch.float16)", {"lower"}),
        ("torch.cuda.amp.autocast(enabled=cfg.amp)", {"float16"}),
        ("torch.amp.autocast('cuda', enabled=False)", {"unknown"}),
        ("torch.amp.autocast('cuda', torch.float32)", {"unknown"}),
        ("torch.no_grad()", {"unknown"}),
        ("accelerator.autocast()", {"unknown"}),
        ("(autocast() if cfg.amp else nullcontext())", {"float16", "unknown"}),
        ("partial(torch.autocast, device_type='cuda', dtype=torch.bfloat16)()", {"bfloat16"}),
    ],
)
def test_contexts(context: str, kind: set[str]) -> None:
    assert kinds(step("out = a", context)) == kind


def test_a_network_out_of_sight_gives_the_lower_type() -> None:
    code = "def validate(model, loader, amp_autocast=suppress):\n    with amp_autocast():\n        out = model(x)\n    use(out)\n"
    assert kinds(code) == {"unknown"}
    code += "choice = suppress\nif cfg.amp:\n    choice = partial(torch.autocast, device_type='cuda')\n"
    assert kinds(code + "validate(create_model(), loader, amp_autocast=choice)\n") == {"float16"}


def test_a_function_is_in_the_autocast_of_its_calls() -> None:
    code = "def loss_of(a, b):\n    out = a @ b\n    return out\n\nfor x in data:\n    with autocast():\n        loss_of(x, x)\n"
    project = project_of({"a.py": HEAD + code})
    module = project.module("a.py")
    found = ambients(project.flow, project.flow.operand(module, only(module, "a @ b")))
    assert [a.is_on for a in found] == [True]
    assert [e.note for e in found[0].trail] == ["`autocast()`", "`loss_of` is called here"]


def test_a_decorated_forward_has_its_own_autocast() -> None:
    assert kinds("w = Whole()\nwith autocast():\n    out = w(x)\nuse(out)\n") == {"float32"}
