"""What random states loader workers start with: each one tells by a small file beside the trace."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional

from .generators import States, held_generators, state_digest

if TYPE_CHECKING:
    from .session import Session

MOST_PASSES = 3  # looked at of each loader


class Reports:
    """Asks the workers of the first passes over each loader.

    Args:
        session: the instrumented program.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.is_wanted = False  # set by a probe that reads the reports
        self._starts: Dict[int, int] = {}

    @contextmanager
    def asking(self, loader: Any) -> Iterator[None]:
        """While the loader's iterator is made, and its workers start."""
        number = self.session.number_of(loader)
        start = self._starts.get(number, 0)
        is_asked = self.is_wanted and getattr(loader, "num_workers", 0) > 0 and start < MOST_PASSES
        if not is_asked:
            yield
            return
        self._starts[number] = start + 1
        folder = os.path.dirname(self.session.writer.path)
        prefix = os.path.join(folder, "workers-%d-%d-%d" % (os.getpid(), number, start))
        real = loader.worker_init_fn
        loader.worker_init_fn = Reporting(real, prefix, self.session.sites.root)
        try:
            yield
        finally:
            loader.worker_init_fn = real

    def read(self, number: int) -> List[List[Dict[str, Any]]]:
        """What the workers told so far, by start of the loader with that number, and by worker."""
        folder = os.path.dirname(self.session.writer.path)
        found = []
        for start in range(self._starts.get(number, 0)):
            prefix = "workers-%d-%d-%d." % (os.getpid(), number, start)
            reports = []
            for name in sorted(n for n in os.listdir(folder) if n.startswith(prefix) and n.endswith(".json")):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    reports.append(json.load(file))
            found.append(reports)
        return found


class Reporting:
    """Stands in for a loader's ``worker_init_fn``: calls it, then tells the states. Can be pickled for ``spawn``.

    Args:
        real: the program's own, or None.
        prefix: the beginning of the paths that the reports get.
        root: the tree of the user's code.
    """

    def __init__(self, real: Optional[Callable[[int], Any]], prefix: str, root: str) -> None:
        self.real = real
        self.prefix = prefix
        self.root = root

    def __call__(self, worker: int) -> None:
        """Set the worker up as the program wants it, then tell."""
        if self.real is not None:
            self.real(worker)
        try:
            self._tell(worker)
        except Exception:  # the worker does its work without us
            return

    def _tell(self, worker: int) -> None:
        import torch

        from .sites import Sites

        info: Any = torch.utils.data.get_worker_info()
        states = States(torch).digests()
        held = held_generators(torch, info.dataset, Sites(self.root).is_users, type(info.dataset).__name__)
        states.update({one.name: state_digest(one.get()) for one in held})
        path = "%s.%03d.json" % (self.prefix, worker)
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump({"worker": worker, "states": states}, file)
        os.replace(path + ".part", path)
