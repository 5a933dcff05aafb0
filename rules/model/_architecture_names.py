"""What a name says of an architecture: its family, sizes and dimensions, apart from words that say nothing."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(r"\d+[dD](?![a-z])|[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+")
_VERBS = frozenset(
    {"get", "build", "make", "create", "load", "init", "new", "my", "the", "a", "model", "from", "custom"}
)
_GENERIC = frozenset({"model", "network", "backbone", "transformer", "module", "arch"})
TRUTH = frozenset({"true", "real", "actual", "proper", "genuine", "correct", "fixed", "full", "native"})
FAKE = frozenset(
    {"pseudo", "fake", "dummy", "mock", "stub", "placeholder", "naive", "toy", "slice", "slicewise", "sliced"}
)
STALE = frozenset(
    {"og", "orig", "original", "old", "backup", "bak", "copy", "prev", "previous", "legacy", "deprecated"}
)
_SIZES = {
    "nano": "n", "n": "n", "tiny": "t", "t": "t", "small": "s", "s": "s", "medium": "m", "m": "m", "base": "b",
    "b": "b", "large": "l", "l": "l", "xlarge": "xl", "xl": "xl", "huge": "h", "h": "h", "giant": "g", "g": "g",
}  # fmt: skip
_PARTS = frozenset(
    {"block", "layer", "attention", "attn", "embed", "embedding", "mlp", "head", "loss", "norm", "conv", "pool",
     "pooling", "stage", "bottleneck", "residual", "unit", "gate", "cell", "merging", "ffn", "stem", "neck", "down",
     "up", "act", "activation", "criterion", "metric", "transform", "augmentation", "sampler", "decoder", "classifier",
     "batchnorm", "basicblock", "linear", "dropout", "drop", "pipeline"}
)  # fmt: skip
_WHOLES = ("net", "network", "next", "former", "mixer", "autoencoder")
"""Ends of names that are whole models', whatever layer the name begins with."""
_SHORTEST_FAMILY = 3


class ArchitectureName(NamedTuple):
    """A name taken apart. ``family`` is its letters without sizes and empty words, ``dimensions`` its ``3d``."""

    text: str
    family: str
    numbers: tuple[int, ...]
    sizes: tuple[str, ...]
    dimensions: tuple[str, ...]
    words: frozenset[str]

    @property
    def is_part(self) -> bool:
        """Whether the name is that of a building block rather than of a whole model (``ConvNeXt``, ``PoolFormer``)."""
        if self.family.endswith(_WHOLES):
            return False
        return bool(self.words & _PARTS) or any(self.family.endswith(p) for p in ("block", "layer", "loss", "conv"))

    @property
    def is_family(self) -> bool:
        """Whether anything is left that tells one architecture from another."""
        return len(self.family) >= _SHORTEST_FAMILY

    @property
    def varies(self) -> bool:
        """Whether the name has something that its siblings have otherwise."""
        return bool(self.numbers or self.sizes)

    def contradicts(self, other: ArchitectureName) -> bool:
        """Whether both name one family with different numbers or sizes (``resnet34`` and ``resnet50``)."""
        if self.family != other.family or not self.is_family or self.dimensions != other.dimensions:
            return False
        if len(self.numbers) != len(other.numbers) or len(self.sizes) != len(other.sizes):
            return False
        return (self.numbers, self.sizes) != (other.numbers, other.sizes)

    def agrees(self, other: ArchitectureName) -> bool:
        """Whether both name the same family, numbers and sizes."""
        same = (self.family, self.numbers, self.sizes, self.dimensions)
        return self.is_family and same == (other.family, other.numbers, other.sizes, other.dimensions)


@lru_cache(maxsize=20_000)
def read_name(text: str) -> ArchitectureName:
    """Take the name of a class, function or command-line choice apart."""
    tokens = _tokens(text)
    numbers = tuple(int(t) for t in tokens if t.isdigit())
    dimensions = tuple(t for t in tokens if len(t) > 1 and t[:-1].isdigit() and t.endswith("d"))
    words = [t for t in tokens if t.isalpha()]
    sizes = tuple(_SIZES[t] for t in words[1:] if t in _SIZES)
    family = "".join(t for n, t in enumerate(words) if t not in _VERBS and not (n and t in _SIZES))
    return ArchitectureName(text, family, numbers, sizes, dimensions, frozenset(words))


def core_of(name: ArchitectureName) -> str:
    """The family without words that say how true, old or new the thing is, and without generic ones."""
    empty = _VERBS | _GENERIC | TRUTH | FAKE | STALE
    return "".join(w for w in _tokens(name.text) if w.isalpha() and w not in empty)


def are_namesakes(wanted: ArchitectureName, built: ArchitectureName) -> bool:
    """Whether two classes claim to be the same architecture: one core, the same numbers, no two dimensions."""
    core = core_of(wanted)
    one_dimension = not wanted.dimensions or not built.dimensions or wanted.dimensions == built.dimensions
    same = core == core_of(built) and wanted.numbers == built.numbers and wanted.sizes == built.sizes
    return len(core) >= _SHORTEST_FAMILY and same and one_dimension


def _tokens(text: str) -> list[str]:
    """Words, numbers and dimensions of a name; the capital T of ``ViT`` and ``DeiT`` is no word."""
    return [t.lower() for t in _TOKEN.findall(re.sub(r"iT(?![a-z])", "it", text))]
