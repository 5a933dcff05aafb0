"""Which byte strings a file holds."""

import pytest
from mlfix.analyzer.source.tokens import tokens_in

TEXT = "def f(x):\n    return torch.log(x) ** 0.5 + nnPULoss_é(x)  # part of it\nx.T\r\n".encode()
WANTED = (
    *(b"log", b"log(", b"torch.log(", b"og", b"log2(", b"** 0.5", b"** 2", b"PULoss", b"self.pi", b".T", b".t()"),
    *(b"art of", b"hare of", b"_\xc3\xa9", b" @ ", b"\n", b"", b"return torch", b"return  torch"),
)


def test_what_stands_in_the_text():
    assert tokens_in(TEXT, WANTED) == frozenset(t for t in WANTED if t in TEXT)


@pytest.mark.parametrize("text", [b"", b" \n", b"\xff\xfe\x00", b"log"])
def test_odd_texts(text: bytes):
    assert tokens_in(text, WANTED) == frozenset(t for t in WANTED if t in text)
