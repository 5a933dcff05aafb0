"""What autocast is said to do, against what the installed torch's own dispatch to CUDA does (no device is needed)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mlfix.analyzer.flow.precision.operations import Behaviour
from mlfix.rules import knowledge

torch = pytest.importorskip("torch")
F = torch.nn.functional

ROWS = 4
UNMEASURED = {
    # They need values, another device's library, or arguments that say nothing of types.
    *("masked_select", "nonzero", "bincount", "searchsorted", "one_hot", "unfold", "renorm", "upsample", "pin_memory"),
    *(
        "cuda",
        "cpu",
        "share_memory_",
        "retain_grad",
        "requires_grad_",
        "chain_matmul",
        "index_fill",
        "new_tensor",
        "binary_cross_entropy",
    ),
}
PAIRS = {
    *("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "fmod", "remainder", "maximum"),
    *(
        "minimum",
        "hypot",
        "atan2",
        "logaddexp",
        "xlogy",
        "eq",
        "ne",
        "lt",
        "gt",
        "le",
        "ge",
        "logical_and",
        "logical_or",
    ),
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits", "kl_div", "cdist"),
    *("poisson_nll_loss", "multilabel_soft_margin_loss", "cosine_similarity", "dist", "expand_as", "view_as"),
    *("reshape_as", "binary_cross_entropy"),
}
BY_DIMENSION = {"cumsum", "cumprod", "softmax", "log_softmax", "softmin", "logsumexp", "unbind"}


def arguments(name: str, x: Any) -> tuple[Any, ...]:
    """Arguments with which an operation runs on a value of one type."""

    def new(*shape: int) -> Any:
        return torch.empty(*shape, device="cuda", dtype=x.dtype)

    def whole(*shape: int) -> Any:
        return torch.zeros(*shape, device="cuda", dtype=torch.long)

    line, image, volume = new(2, 4, 8), new(2, 4, 8, 8), new(2, 4, 8, 8, 8)
    given: dict[str, tuple[Any, ...]] = {
        "linear": (x, new(5, 8)), "bilinear": (x, x, new(5, 8, 8)), "matmul": (x, new(8, 3)), "mm": (x, new(8, 3)), "bmm": (line, new(2, 8, 3)),
        "mv": (x, new(8)), "addmm": (new(4, 3), x, new(8, 3)), "addmv": (new(4), x, new(8)),
        "addr": (new(4, 8), new(4), new(8)), "addbmm": (new(4, 3), line, new(2, 8, 3)),
        "baddbmm": (new(2, 4, 3), line, new(2, 8, 3)), "einsum": ("ij,kj->ik", x, x), "prelu": (x, new(1)),
        "scaled_dot_product_attention": (image, image, image), "multi_dot": ([x, new(8, 3)],), "vecdot": (x, x),
        "conv1d": (line, new(5, 4, 3)), "conv2d": (image, new(5, 4, 3, 3)), "conv3d": (volume, new(5, 4, 3, 3, 3)),
        "conv_transpose1d": (line, new(4, 5, 3)), "conv_transpose2d": (image, new(4, 5, 3, 3)),
        "conv_transpose3d": (volume, new(4, 5, 3, 3, 3)), "layer_norm": (x, (8,)), "rms_norm": (x, (8,)),
        "group_norm": (image, 2), "batch_norm": (image, None, None, None, None, True), "instance_norm": (image,),
        "local_response_norm": (image, 2), "interpolate": (image, None, 2.0), "pixel_shuffle": (image, 2),
        "cross_entropy": (x, whole(4)), "nll_loss": (x, whole(4)), "multi_margin_loss": (x, whole(4)),
        "cosine_embedding_loss": (x, x, whole(4)), "hinge_embedding_loss": (x, whole(4, 8)),
        "margin_ranking_loss": (x, x, whole(4, 8)), "triplet_margin_loss": (x, x, x),
        "triplet_margin_with_distance_loss": (x, x, x), "multilabel_margin_loss": (x, whole(4, 8)),
        "soft_margin_loss": (x, whole(4, 8)), "outer": (new(4), new(4)), "cross": (new(4, 3), new(4, 3)),
        "dot": (new(4), new(4)), "trace": (new(4, 4),), "where": (whole(4, 8).bool(), x, x), "lerp": (x, x, 0.5),
        "addcmul": (x, x, x), "addcdiv": (x, x, x), "scatter_add": (x, 0, whole(4, 8), x),
        "index_add": (x, 0, whole(4), x), "index_select": (x, 0, whole(2)), "gather": (x, 0, whole(4, 8)),
        "take": (x, whole(3)), "take_along_dim": (x, whole(4, 8), 0), "masked_fill": (x, whole(4, 8).bool(), 0.0),
        "masked_fill_": (x, whole(4, 8).bool(), 0.0), "pow": (x, 2), "topk": (x, 2), "unsqueeze": (x, 0),
        "chunk": (x, 2), "split": (x, 2), "view": (x, (-1,)), "reshape": (x, (-1,)), "transpose": (x, 0, 1),
        "permute": (x, (1, 0)), "movedim": (x, 0, 1), "swapaxes": (x, 0, 1), "expand": (x, (4, 8)),
        "repeat": (x, (2, 1)), "repeat_interleave": (x, 2), "tile": (x, (2, 1)), "flip": (x, (0,)), "roll": (x, 1),
        "narrow": (x, 0, 0, 2), "select": (x, 0, 0), "clamp": (x, 0, 1), "clamp_": (x, 0, 1), "clip": (x, 0, 1),
        "clamp_min": (x, 0), "clamp_max": (x, 0), "broadcast_to": (x, (4, 8)), "full_like": (x, 1.0),
        "new_tensor": (x, [1.0]), "new_zeros": (x, (2,)), "new_ones": (x, (2,)), "new_empty": (x, (2,)),
        "new_full": (x, (2,), 1.0), "pad": (x, (1, 1)), "complex": (x.float(), x.float()),
        "polar": (x.float(), x.float()), "view_as_complex": (new(4, 2).float(),),
    }  # fmt: skip
    if name in given:
        return given[name]
    if name in ("cat", "concat", "stack", "hstack", "vstack"):
        return ([x, x],)
    for prefix in ("avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool"):
        if name.startswith(prefix):
            sizes = {"1": line, "2": image, "3": volume}
            return sizes[name[len(prefix)]], 1 if prefix.startswith("adaptive") else 2
    if name in ("dropout2d", "dropout3d"):
        return (image if name == "dropout2d" else volume,)
    if name in PAIRS:
        return (x, x)
    return (x, -1) if name in BY_DIMENSION else (x,)


def operation(name: str) -> Callable[..., Any]:
    for home in (F, torch, torch.linalg):
        if hasattr(home, name) and name not in ("bool", "int", "long"):
            return getattr(home, name)
    return lambda tensor, *rest: getattr(tensor, name)(*rest)


def result(name: str, dtype: Any, *, autocast: bool) -> Any:
    """The type that an operation gives for arguments of one type."""
    before = torch.is_autocast_enabled("cuda")
    torch.set_autocast_enabled("cuda", autocast)
    try:
        made = operation(name)(*arguments(name, torch.empty(ROWS, 8, device="cuda", dtype=dtype)))
    finally:
        torch.set_autocast_enabled("cuda", before)
    return (made[0] if isinstance(made, (tuple, list)) else made).dtype


@pytest.fixture(autouse=True)
def a_device_that_is_not_there() -> Iterator[None]:
    fake = pytest.importorskip("torch._subclasses.fake_tensor")
    if not hasattr(torch, "set_autocast_dtype"):
        pytest.skip("this torch has no autocast by device's name")
    before = torch.get_autocast_dtype("cuda")
    torch.set_autocast_dtype("cuda", torch.float16)
    with warnings.catch_warnings(), fake.FakeTensorMode():
        warnings.simplefilter("ignore")
        yield
    torch.set_autocast_dtype("cuda", before)


WANTED = {
    Behaviour.LOWER: ("float16", "float16", "float16"),
    Behaviour.FLOAT32: ("float32", "float32", "float16"),
    Behaviour.KEEPS: ("float16", "float32", "float16"),
}


@pytest.mark.parametrize("behaviour", sorted(WANTED, key=str))
def test_an_operation_does_under_autocast_what_the_table_says(behaviour: Behaviour) -> None:
    names = [n for n, b in knowledge.autocast().behaviours.items() if b is behaviour and n not in UNMEASURED]
    half, full = torch.float16, torch.float32
    wanted = tuple(getattr(torch, name) for name in WANTED[behaviour])
    wrong = {}
    for name in names:
        found = (*(result(name, t, autocast=True) for t in (half, full)), result(name, half, autocast=False))
        if found != wanted:
            wrong[name] = found
    assert not wrong


def test_whole_and_complex_numbers_are_what_they_are_said_to_be() -> None:
    for name, behaviour in knowledge.autocast().behaviours.items():
        if name not in UNMEASURED and behaviour in (Behaviour.EXACT, Behaviour.COMPLEX):
            found = result(name, torch.float32, autocast=True)
            assert not found.is_floating_point, name
            assert found.is_complex == (behaviour is Behaviour.COMPLEX), name


def test_each_module_stands_for_a_function_that_is_known() -> None:
    table = knowledge.autocast()
    for name, function in {**table.modules, **table.losses}.items():
        assert hasattr(torch.nn, name)
        assert table.of(function) is not None, name


def test_a_target_in_float32_raises_the_loss() -> None:
    half = torch.empty(4, 8, device="cuda", dtype=torch.float16)
    full = torch.empty(4, 8, device="cuda")
    names = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy_with_logits", "kl_div")
    assert {operation(n)(half, full).dtype for n in names} == {torch.float32}
    assert (half / half.float().norm()).dtype is torch.float16
