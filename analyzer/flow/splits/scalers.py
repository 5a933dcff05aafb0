"""Calls that fit a normaliser: scikit-learn's scalers, and classes of the project that fit and transform."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ...graph.symbols import Symbol
from ...source.module import Module
from ...source.scopes import Scope
from ..values.construction import Constructions, Made
from ..values.flow import Flow
from ..values.frames import Frame, Operand
from ..values.functions import own_calls

_SCALERS = frozenset(
    {
        *("StandardScaler", "MinMaxScaler", "RobustScaler", "MaxAbsScaler", "PowerTransformer", "QuantileTransformer"),
        *("KBinsDiscretizer", "SimpleImputer"),
    }
)
_FITS = frozenset({"fit", "fit_transform"})


class Fitted(NamedTuple):
    """A call that fits a normaliser.

    Attributes:
        call: the call.
        given: what it is fitted on.
        made: the construction of the normaliser.
        receiver: how the normaliser is written, ``scaler`` or ``self.scaler``; "" where it has no name.
        transforms: whether the call gives the transformed data back.
    """

    call: Operand
    given: Operand
    made: Made
    receiver: str
    transforms: bool


def fits_in(flow: Flow, module: Module, scope: Scope) -> Iterator[Fitted]:
    """The calls in a function (or at a file's top level) that fit a normaliser."""
    frame = Frame(module, scope)
    for call in own_calls(scope):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _FITS or not call.args:
            continue
        receiver = Operand(call.func.value, frame)
        made = next((k.what for k in Constructions(flow).evaluate(receiver) if is_scaler(flow, k.what.of)), None)
        if made is None or isinstance(call.args[0], ast.Starred):
            continue
        is_named = isinstance(call.func.value, (ast.Name, ast.Attribute))
        name = module.segment(call.func.value) if is_named else ""
        yield Fitted(Operand(call, frame), Operand(call.args[0], frame), made, name, call.func.attr == "fit_transform")


def is_scaler(flow: Flow, made_of: Symbol | str) -> bool:
    """Whether a class normalises: scikit-learn's by name, the project's by what its instances can do."""
    if isinstance(made_of, str):
        home, _, name = made_of.rpartition(".")
        return name in _SCALERS and home.partition(".")[0] in ("sklearn", "cuml")
    symbols = flow.project.symbols
    fits = symbols.method(made_of, "fit") is not None and symbols.method(made_of, "transform") is not None
    at_once = symbols.method(made_of, "fit_transform") is not None and symbols.method(made_of, "inverse_transform")
    is_model = symbols.method(made_of, "predict") is not None or flow.calls.is_module(made_of)
    return bool(fits or at_once) and not is_model
