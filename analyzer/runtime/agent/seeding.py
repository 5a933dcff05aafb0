"""Equal runs: generators are seeded, and a seed that the program sets is moved by the run's own."""

from __future__ import annotations

import functools
import random
import sys
from typing import TYPE_CHECKING, Any, Callable, Optional

if TYPE_CHECKING:
    from .settings import Settings

_STRIDE = 1_000_003  # runs of neighbouring seeds share no seed of the program's own
_LARGEST = 2**32 - 1  # NumPy takes no larger one
_is_inside = False


def moved(seed: Any, run: int) -> Any:
    """The seed that a program gets instead of its own: itself in run 0, and equal for equal ones in every run."""
    if run == 0 or isinstance(seed, bool) or not isinstance(seed, int):
        return seed
    return (seed + run * _STRIDE) % _LARGEST


def seed_torch(torch: Any, settings: Settings) -> None:
    """Seed torch and Python's generator, and stand before their seeding functions."""
    random.seed(settings.seed)
    torch.manual_seed(settings.seed)
    if not settings.force_seed:
        return
    run = settings.seed
    random.seed = _moving(random.seed, run)
    torch.manual_seed = torch.random.manual_seed = _moving(torch.manual_seed, run)
    torch.seed = torch.random.seed = _unseeded(torch, run)


def seed_numpy(numpy: Any, settings: Settings) -> None:
    """The same for NumPy's generators, legacy and new."""
    try:
        numpy.random.seed(settings.seed % _LARGEST)
        make = numpy.random.default_rng
        draws = random.Random(settings.seed)

        @functools.wraps(make)
        def default_rng(seed: Any = None) -> Any:
            if seed is None:
                torch = sys.modules.get("torch")
                worker = torch.initial_seed() % _LARGEST if torch is not None else 0
                return make([worker, draws.randrange(_LARGEST)])
            return make(moved(seed, settings.seed) if settings.force_seed else seed)

        numpy.random.default_rng = default_rng
        if settings.force_seed:
            numpy.random.seed = _moving(numpy.random.seed, settings.seed)
    except AttributeError:  # a package of that name that is not NumPy
        return


def _moving(seed: Callable[..., Any], run: int) -> Callable[..., Any]:
    @functools.wraps(seed)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        global _is_inside
        if _is_inside:  # torch.manual_seed seeds the devices through functions that programs call too
            return seed(*args, **kwargs)
        _is_inside = True
        try:
            return seed(*[moved(a, run) for a in args], **{k: moved(v, run) for k, v in kwargs.items()})
        finally:
            _is_inside = False

    return wrapped


def _unseeded(torch: Any, run: int) -> Callable[[], int]:
    """``torch.seed``: a number nobody chose, here one that a second run gets too."""
    draws = random.Random(run)

    @functools.wraps(torch.seed)
    def seed(value: Optional[int] = None) -> int:
        value = draws.randrange(_LARGEST)
        torch.default_generator.manual_seed(value)
        return value

    return seed
