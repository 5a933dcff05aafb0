"""The mended normalisation, run: each split is transformed by the statistics of the training data."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlfix.rules.data.split_normalization import SplitNormalization

np = pytest.importorskip("numpy")
torch = pytest.importorskip("torch", reason="the mended code needs torch to run")


class Scaler:
    """What the cases need of scikit-learn's scalers."""

    def __init__(self, *_: Any) -> None:
        self.fits = 0

    def fit(self, x: Any) -> Scaler:
        self.mean_, self.scale_, self.fits = x.mean(0), x.std(0), self.fits + 1
        return self

    def transform(self, x: Any) -> Any:
        return (x - self.mean_) / self.scale_

    def fit_transform(self, x: Any) -> Any:
        return self.fit(x).transform(x)


def halves(x: Any, y: Any, **_: Any) -> tuple[Any, ...]:
    cut = int(0.8 * len(x))
    return x[:cut], x[cut:], y[:cut], y[cut:]


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", SimpleNamespace())
    scalers = SimpleNamespace(StandardScaler=Scaler, MinMaxScaler=Scaler)
    monkeypatch.setitem(sys.modules, "sklearn.preprocessing", scalers)
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", SimpleNamespace(train_test_split=halves))
    monkeypatch.chdir(tmp_path)


def mended(why: str) -> dict[str, Any]:
    case = next(c for c in SplitNormalization.INVALID if why in c.why)
    assert isinstance(case.fixed, str)
    names: dict[str, Any] = {}
    exec(compile(case.fixed, "case.py", "exec"), names)
    return names


@pytest.mark.parametrize("why", ["again on the rest", "fitted before the split", "without a name"])
def test_arrays_are_scaled_by_the_training_part(why: str) -> None:
    table = np.random.default_rng(0).normal(3.0, 2.0, (50, 4))
    table[40:] += 5
    np.save("features.npy", table)
    names = mended(why)
    train, test = table[:40, :-1], table[40:, :-1]
    assert names["scaler"].fits == 1
    np.testing.assert_allclose(names["X_train"], (train - train.mean(0)) / train.std(0))
    np.testing.assert_allclose(names["X_test"], (test - train.mean(0)) / train.std(0))


@pytest.mark.parametrize(("why", "build"), [("own mean and deviation", "loaders"), ("once a split", "main")])
def test_datasets_share_the_statistics_of_training(why: str, build: str) -> None:
    rng = np.random.default_rng(1)
    train, rest = rng.uniform(1, 2, (40, 3)).astype(np.float32), rng.uniform(2, 4, (10, 3)).astype(np.float32)
    for name, rows in (("train", train), ("val", rest), ("test", rest)):
        np.save(f"{name}.npy", rows)
    _, loader = mended(why)[build](".")
    seen = torch.cat(list(loader)).numpy()
    if build == "main":
        train, rest = np.log(train), np.log(rest)
    np.testing.assert_allclose(seen, (rest - train.mean(0)) / train.std(0), rtol=1e-4)
