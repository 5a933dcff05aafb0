"""Random generators around the making of an item: their states, and who seeds them while it is made."""

from __future__ import annotations

import hashlib
import random
import sys
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Tuple

if TYPE_CHECKING:
    from .session import Session

_BITS = ("RandomState", "PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
_MOST_HELD = 16


class States:
    """The global generators of torch, Python and NumPy: torch's on the CPU, where items are made.

    Args:
        torch: the module.
    """

    def __init__(self, torch: Any) -> None:
        self.torch = torch
        self.numpy: Any = sys.modules.get("numpy")

    def get(self) -> Dict[str, Any]:
        """The states, by ``torch``, ``random`` and ``numpy``."""
        states: Dict[str, Any] = {"torch": self.torch.default_generator.get_state(), "random": random.getstate()}
        if self.numpy is not None:
            states["numpy"] = self.numpy.random.get_state()
        return states

    def set(self, states: Dict[str, Any]) -> None:
        """Put states back."""
        self.torch.default_generator.set_state(states["torch"])
        random.setstate(states["random"])
        if "numpy" in states:
            self.numpy.random.set_state(states["numpy"])

    def seed(self, number: int) -> None:
        """States that nobody has had before, the same for the same number; around the program's seeding functions."""
        self.torch.default_generator.manual_seed(number)
        random.setstate(random.Random(number).getstate())
        if self.numpy is not None:
            self.numpy.random.set_state(self.numpy.random.RandomState(number).get_state())

    def digests(self) -> Dict[str, str]:
        """A short digest of each state."""
        return {name: state_digest(state) for name, state in self.get().items()}


def state_digest(state: Any) -> str:
    """A short digest of a generator's state: a tensor, a tuple or a dictionary, with arrays in it."""
    return hashlib.md5(_bytes(state)).hexdigest()[:12]


def _bytes(value: Any) -> bytes:
    if isinstance(value, dict):
        return b"".join(str(key).encode() + _bytes(part) for key, part in value.items())
    if isinstance(value, tuple) and not all(isinstance(part, int) for part in value):
        return b"".join(_bytes(part) for part in value)
    array: Any = getattr(value, "numpy", lambda: value)()
    return array.tobytes() if hasattr(array, "tobytes") else repr(value).encode()


class Held:
    """A generator that a dataset keeps for itself.

    Args:
        name: the attributes that lead to it.
        generator: of Python, NumPy or torch.
    """

    def __init__(self, name: str, generator: Any) -> None:
        self.name = name
        self.generator = generator

    def get(self) -> Any:
        """Its state."""
        bits = getattr(self.generator, "bit_generator", None)
        if bits is not None:
            return bits.state
        return (getattr(self.generator, "getstate", None) or self.generator.get_state)()

    def set(self, state: Any) -> None:
        """Put a state back."""
        bits = getattr(self.generator, "bit_generator", None)
        if bits is not None:
            bits.state = state
        else:
            (getattr(self.generator, "setstate", None) or self.generator.set_state)(state)

    def advance(self) -> None:
        """Draw from it, so that it stands elsewhere."""
        draw = getattr(self.generator, "random", None) or getattr(self.generator, "random_sample", None)
        if draw is not None:
            draw()
        else:
            sys.modules["torch"].randn(32, generator=self.generator)


def held_generators(torch: Any, owner: Any, is_users: Callable[[type], bool], name: str = "") -> Iterator[Held]:
    """Generators among the attributes of an object of the user's own classes, and of such objects in it.

    Those of libraries are left out: they may look after workers themselves.
    """
    numpy: Any = sys.modules.get("numpy")
    kinds: Tuple[type, ...] = (random.Random, torch.Generator)
    if numpy is not None:
        kinds += (numpy.random.RandomState, numpy.random.Generator)
    pending: List[Tuple[str, Any]] = [(name, owner)]
    seen = set()
    found = 0
    while pending and found < _MOST_HELD:
        prefix, thing = pending.pop()
        if id(thing) in seen or len(seen) > 1000:
            continue
        seen.add(id(thing))
        if isinstance(thing, kinds) and not isinstance(thing, random.SystemRandom):
            found += 1
            yield Held(prefix, thing)
        elif isinstance(thing, (list, tuple)) and len(thing) <= _MOST_HELD:
            pending += [("%s[%d]" % (prefix, i), part) for i, part in enumerate(thing)]
        elif is_users(type(thing)) or type(thing).__module__.startswith("torch.utils.data"):
            inner = getattr(thing, "__dict__", {})
            pending += [("%s.%s" % (prefix, key), part) for key, part in inner.items() if not key.startswith("__")]


class SeedWatch:
    """Notes which generators are made or seeded while an item is made, and gives them other seeds where asked to.

    Python's own ways of seeding, and torch's, are seen by a profile function, whatever name they are called by. NumPy's
    classes are compiled: in NumPy's namespace, and in the user's modules, others stand in for them.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.torch = session.torch
        self.numpy: Any = getattr(sys.modules.get("numpy"), "random", None)
        self.seeds: List[str] = []  # of the last item, each once
        self._other = self._chosen = 0
        self._seed = random.Random.seed.__code__
        self._default_rng = getattr(getattr(self.numpy, "default_rng", None), "__code__", None)
        numpy_seed = getattr(self.numpy, "seed", None)
        self._numpy_seed = getattr(numpy_seed, "__wrapped__", None)
        self._wrapper = getattr(numpy_seed, "__code__", None)
        self._places = list(self._all_places(session)) if self.numpy is not None else []

    @contextmanager
    def watching(self, other: int = 0, chosen: int = 0) -> Iterator[None]:
        """While an item is made.

        Args:
            other: 0 leaves the seeds as they are; any other number replaces one of them.
            chosen: which one, by their order, equal ones counting once.
        """
        self._other, self._chosen, self.seeds = other, chosen, []
        before = sys.getprofile()
        for owner, name, _, noted in self._places:
            setattr(owner, name, noted)
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(before)
            for owner, name, real, _ in self._places:
                setattr(owner, name, real)

    def _new(self, seed: Any) -> Optional[int]:
        """Note a seed; the one to take in its place, if any."""
        if seed is None:  # from the system's entropy: new each time
            return None
        text = repr(seed)[:80]
        if text not in self.seeds:
            self.seeds.append(text)
        return self._other if self._other and self.seeds.index(text) == self._chosen else None

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        try:
            if event == "c_return":
                if getattr(argument, "__name__", "") == "manual_seed":
                    self._torch_seeded(argument.__self__)
            elif event == "return":
                self._returned(frame, argument)
        except Exception:  # never into the program
            return

    def _torch_seeded(self, generator: Any) -> None:
        if isinstance(generator, self.torch.Generator):
            new = self._new(generator.initial_seed())
            if new is not None:
                generator.manual_seed(new)

    def _returned(self, frame: FrameType, result: Any) -> None:
        code = frame.f_code
        if code is self._seed:
            generator = frame.f_locals["self"]
            new = self._new(frame.f_locals["a"])
            if new is not None:
                generator.setstate(random.Random(new).getstate())  # not seen: nothing is profiled in here
        elif code is self._default_rng and result is not None:
            new = self._new(frame.f_locals.get("seed"))
            if new is not None:
                result.bit_generator.state = type(result.bit_generator)(new).state
        elif code is self._wrapper and frame.f_locals.get("seed") is self._numpy_seed and self._numpy_seed is not None:
            given = [*frame.f_locals.get("args", ()), *frame.f_locals.get("kwargs", {}).values()]
            new = self._new(given[0] if given else None)
            if new is not None:
                self._numpy_seed(new % 2**32)

    def _all_places(self, session: Session) -> Iterator[Tuple[Any, str, Any, Any]]:
        """Where NumPy's classes stand: module, name there, class, and what stands in for it."""
        noted = {}
        for name in _BITS:
            real = getattr(self.numpy, name, None)
            if isinstance(real, type):
                noted[real] = _standing_in(real, self._new)
        modules = [self.numpy]
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str) or "site-packages" in file:  # most are, and looking at paths is slow
                continue
            if session.sites.relative(file) is not None:
                modules.append(module)
        for module in modules:
            for key, value in list(vars(module).items()):
                if isinstance(value, type) and value in noted:
                    yield module, key, value, noted[value]


def _standing_in(real: Any, new: Callable[[Any], Optional[int]]) -> Any:
    """A subclass of one of NumPy's generators that tells of its seed."""

    class Noted(real):
        def __init__(self, seed: Any = None) -> None:
            other = new(seed)
            super().__init__(seed if other is None else other)

    Noted.__name__ = Noted.__qualname__ = real.__name__
    return Noted
