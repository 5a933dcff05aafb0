"""What a configured value is: a scalar with its place, or a whole configuration from which code takes parts."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ...findings import Location
from ...project.configs import Key, Scalar


class Form(Enum):
    """Where a setting is written."""

    FILE = "file"
    OPTION = "option"
    FIELD = "field"
    CODE = "code"


class Setting(NamedTuple):
    """A value that somebody chose, where it is written.

    Attributes:
        name: its key (``optimizer.lr``), option, field or parameter; "" for a bare literal.
        value: what it is.
        location: the literal's place.
        text: the literal as written.
        form: in a configuration file, as the default of a command-line option or dataclass field, or in plain code.
        editable: whether the literal may be replaced by another in place.
    """

    name: str
    value: Scalar
    location: Location
    text: str
    form: Form
    editable: bool = True

    @property
    def number(self) -> float | None:
        """The value as a number; None for truth values, texts and nothing."""
        return float(self.value) if isinstance(self.value, (int, float)) and not isinstance(self.value, bool) else None

    @property
    def place(self) -> tuple[str, int, int, str]:
        """Plain data for a finding's repair: path, line, column, and the text that stands there."""
        return self.location.path, self.location.line, self.location.column, self.text


class Files(NamedTuple):
    """The content of one of some configuration files, below a key.

    ``is_sure`` where the code names the file; else a user chooses one, and ``paths`` are those that may be chosen.
    """

    paths: tuple[str, ...]
    key: Key = ()
    is_sure: bool = True


class Options(NamedTuple):
    """What a parser of command-line options gives: the options declared in one file or in those that it imports."""

    path: str
    line: int


class Nodes(NamedTuple):
    """A tree of defaults built by assignments to a top-level name (yacs): ``_C.SOLVER.LR = 0.1``, below a key."""

    path: str
    name: str
    key: Key = ()


Held = Setting | Files | Options | Nodes
"""What a value may be here: a setting, or a configuration that holds some."""
