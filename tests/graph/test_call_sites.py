"""Where a method is called, by the names of its receivers."""

from __future__ import annotations

import pytest

from ..projects import project_of

STEERING = """\
class Steering:
    def vector(self, angle):
        return self.vector(angle)


def vector(angle):
    return angle


steering = Steering()
"""


@pytest.mark.parametrize(
    ("code", "is_on_object"),
    [
        ("from steering import steering\n\nsteering.vector(1)\n", True),
        ("import steering\n\nsteering.steering.vector(1)\n", True),
        ("from steering import Steering\n\nmade = Steering()\nmade.vector(1)\n", True),
        ("class User:\n    def use(self):\n        self.steering.vector(1)\n", True),
        ("import steering\n\nsteering.vector(1)\n", False),
        ("from steering import vector\n\nvector(1)\n", False),
        ("import torch\n\ntorch.linalg.vector(1)\n", False),
        ("class User:\n    def use(self):\n        self.vector(1)\n", False),
    ],
)
def test_calls_on_objects_are_told_from_calls_of_functions(code: str, is_on_object: bool) -> None:
    project = project_of({"steering.py": STEERING, "train.py": code})
    assert bool(project.call_sites_on_objects("vector")) == is_on_object
