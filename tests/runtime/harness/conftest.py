from __future__ import annotations

from pathlib import Path

import pytest

from .projects import WAYS, Lab


@pytest.fixture(params=WAYS)
def lab(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A project that is run in an overlay, and in a copy."""
    return Lab(tmp_path, monkeypatch, request.param)


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A project that is run in a copy, where the kind of tree does not matter."""
    return Lab(tmp_path, monkeypatch, "copy")
