"""Which byte strings a file holds."""

import pytest
from mlfix.analyzer.source import tokens
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


def test_words_that_other_files_had():
    texts = [b"cumsum(x) summary", b"sum(x)", b"x.summary", b"sum (x)", b"sum.torch.stack(", b"a" * 200 + b"log", TEXT]
    wanted = (b"sum(", b"sum", b".summary", b"torch.stack(", b"stack", b"log", b"aalog")
    for text in texts * 2:
        assert tokens_in(text, wanted) == frozenset(t for t in wanted if t in text)


def test_the_memory_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokens, "_MOST_WORDS", 3)
    for text in (b"flip a b", b"c d mirror", b"flips e f", b"a mirrors") * 2:
        assert tokens_in(text, (b"flip", b"mirror(")) == frozenset({b"flip"} if b"flip" in text else ())
