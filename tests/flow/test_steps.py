"""Counts of steps, the loops and guards around a call, and how often a scheduler is moved."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlfix.analyzer.flow.steps.counts import BATCHES, Atom, Count, Counts, Unit
from mlfix.analyzer.flow.steps.pace import Paces, Per
from mlfix.analyzer.flow.steps.schedulers import schedules
from mlfix.analyzer.flow.steps.turns import every, paths_to
from mlfix.analyzer.flow.values.origins import origin

from ..projects import only, project_of

ATOMS = [Atom(Unit.NUMBER, None, "n", 3.0), BATCHES, Atom(Unit.LENGTH, None, "len(x)")]
counts = st.builds(
    lambda powers, scale: Count(frozenset((a, p) for a, p in powers.items() if p), scale),
    st.dictionaries(st.sampled_from(ATOMS), st.integers(-3, 3)),
    st.sampled_from([0.25, 0.5, 1.0, 2.0, 8.0]),
)


@given(counts, counts, counts)
def test_counts_multiply_as_numbers_do(a: Count, b: Count, c: Count) -> None:
    assert a.times(b) == b.times(a)
    assert a.times(b).times(c) == a.times(b.times(c))
    assert a.times(b).over(b) == a
    assert a.over(a) == Count()


def described(code: str, target: str = "target", prefix: str = "") -> list[str]:
    project = project_of({"a.py": prefix + code})
    module = project.module("a.py")
    known = Counts(project.flow).evaluate(project.flow.operand(module, only(module, target)))
    return sorted(written(k.what) for k in known)


def written(count: Count) -> str:
    parts = sorted(("B" if a.unit is Unit.BATCHES else a.label, p) for a, p in count.powers)
    return " ".join(
        [f"{n}" if p == 1 else f"{n}^{p}" for n, p in parts] + ([] if count.scale == 1 else [f"{count.scale:g}"])
    )


LOADER = "import math\nfrom torch.utils.data import DataLoader\nloader = DataLoader(data)\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("target = len(loader) * args.epochs\nuse(target)", ["B args.epochs"]),
        ("target = math.ceil(len(loader) / args.accum) * 10\nuse(target)", ["B args.accum^-1 10"]),
        ("target = -(-len(loader) // args.accum)\nuse(target)", ["B args.accum^-1"]),
        ("target = max(1, int(0.1 * len(loader)))\nuse(target)", ["B 0.1"]),
        ("target = args.steps\ntarget *= args.accum\nuse(target)", ["args.accum args.steps"]),
        ("target = len(loader) * args.epochs - args.warmup\nuse(target)", ["B args.epochs"]),
        ("target = args.warmup + args.epochs * len(loader)\nuse(target)", ["B args.epochs"]),
        ("target = args.steps * accelerator.num_processes\nuse(target)", ["args.steps"]),
        (
            "from accelerate import Accelerator\nacc = Accelerator(gradient_accumulation_steps=args.k)\n"
            "target = len(loader) // acc.gradient_accumulation_steps\nuse(target)",
            ["B args.k^-1"],
        ),
        ("target = len(loader.dataset) // 4\nuse(target)", ["len(loader.dataset) 0.25"]),
        ("n = 5\ntarget = n\nuse(target)", ["n"]),
        ("target = 'five'\nuse(target)", ["target"]),
    ],
)
def test_a_count_is_read_as_a_product(code: str, expected: list[str]) -> None:
    assert described(code, prefix=LOADER) == expected


def test_an_attribute_set_in_one_branch_keeps_its_own_reading() -> None:
    code = "if args.steps is None:\n    args.steps = len(loader)\nuse(args.steps)"
    assert described(code, "args.steps", LOADER) == ["B", "args.steps"]


def test_a_variable_keeps_its_name_through_parameters() -> None:
    project = project_of({"a.py": "def f(cfg):\n    use(cfg.n)\ndef main(c):\n    f(c.optim)\n"})
    module = project.module("a.py")
    home = origin(project.flow, project.flow.operand(module, only(module, "cfg.n")))
    assert home is not None
    assert (home.home, home.chain) == ("main", "c.optim.n")


def guards(code: str) -> list[str]:
    project = project_of({"a.py": code})
    module = project.module("a.py")
    call = next(n for n in ast.walk(module.tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "act")
    found: list[str] = []
    for path in paths_to(project.flow, module, call):
        for around in path.around:
            number = every(project.flow, around) if isinstance(around.node, ast.If) else None
            found += [number.text()] if number is not None else []
    return found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("for i in x:\n    if (i + 1) % k == 0:\n        act()", ["k"]),
        ("for i in x:\n    if i % k == k - 1:\n        act()", ["k"]),
        ("for i in x:\n    if i % k != 0:\n        continue\n    act()", ["k"]),
        ("for i in x:\n    if i % k:\n        continue\n    act()", ["k"]),
        ("for i in x:\n    if not i % k:\n        act()", ["k"]),
        ("for i in x:\n    if i % k == 0 or i + 1 == len(x):\n        act()", ["k"]),
        ("for i in x:\n    ready = i % k == 0\n    if ready:\n        act()", ["k"]),
        ("def due(i):\n    return i % 4 == 0\nfor i in x:\n    if due(i):\n        act()", ["4"]),
        ("n = 0\nfor i in x:\n    n += 1\n    if n == k:\n        act()\n        n = 0", ["k"]),
        ("def g():\n    act()\nfor i in x:\n    if i % k == 0:\n        g()", ["k"]),
        ("for i in x:\n    if i % k == 0 or i < start:\n        act()", []),
        ("for i in x:\n    if i % k != 0:\n        act()", []),
        ("for i in x:\n    if i == k:\n        act()", []),
        ("for i in x:\n    if i % k == 0:\n        log()\n    act()", []),
    ],
)
def test_guards_that_let_control_pass_once_in_k_turns(code: str, expected: list[str]) -> None:
    assert guards(code) == expected


TRAINING = """\
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader

loader = DataLoader(data)
scheduler = CosineAnnealingLR(optimizer, 10)


def train():
    for batch in loader:
        loss(batch).backward()
        optimizer.step()
        {inner}


for fold in range(5):
    for epoch in range(args.epochs):
        train()
        {outer}
"""


@pytest.mark.parametrize(
    ("inner", "outer", "per"),
    [("scheduler.step()", "pass", Per.BATCH), ("pass", "scheduler.step()", Per.EPOCH)],
)
def test_the_loop_with_the_backward_pass_is_the_one_over_batches(inner: str, outer: str, per: Per) -> None:
    project = project_of({"a.py": TRAINING.format(inner=inner, outer=outer)})
    known = schedules(project)
    (pace,) = (p for s in known.steps for p in Paces(project.flow, known).of(s))
    assert pace.per is per
    expected = "B args.epochs 5" if per is Per.BATCH else "args.epochs 5"
    assert [written(t) for t in pace.totals] == [expected]


def test_a_loop_in_which_the_scheduler_is_made_runs_over_whole_trainings() -> None:
    code = TRAINING.format(inner="pass", outer="scheduler.step()").replace(
        "    for epoch", "    scheduler = CosineAnnealingLR(optimizer, 10)\n    for epoch"
    )
    project = project_of({"a.py": code})
    known = schedules(project)
    paces = [p for s in known.steps for p in Paces(project.flow, known).of(s)]
    assert [[written(t) for t in p.totals] for p in paces] == [["args.epochs"]]
