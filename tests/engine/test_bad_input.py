"""What cannot be read is one clear line with file, line and remedy; everything else goes on."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlfix.analyzer.engine import scan
from mlfix.analyzer.reading import read_file
from mlfix.analyzer.source import reader
from mlfix.analyzer.source.reader import Sources

from .toy import request, write

GOOD = "import torch\ntorch.old(1)\n"
BAD = {
    "syntax error": (b"def f(:\n    pass\n", 1, "no valid Python"),
    "python 2": (b'x = 1\nprint "hello"\n', 2, "Python 2"),
    "python 2 except": (b"try:\n    f()\nexcept IOError, e:\n    print 'hello'\n", None, "Python 2"),
    "wrong encoding": (b"x = 1\ns = '\xff\xfe'\n", 2, "is not utf-8"),
    "a coding line that decodes nothing": (b"# coding: undefined\nx = 1\n", 1, "correct its coding line"),
    "a mark of UTF-8 and another coding": (b"\xef\xbb\xbf# coding: latin-1\n", 1, "names another encoding: remove one"),
    "unknown coding line": (b"# coding: klingon\nx = 1\n", 1, "klingon"),
    "NUL bytes": (b"x = 1\ny = '\0'\n", 2, "NUL"),
    "deep brackets": (b"x = " + b"(" * 5000 + b")" * 5000 + b"\n", 1, ""),
    "deep operators": (b"x = " + b"-" * 50000 + b"1\n", None, "nests too deeply"),
    "deep indentation": (b"".join(b" " * n + b"if x:\n" for n in range(150)) + b" " * 150 + b"pass\n", 101, "indent"),
}


NEWER = {
    "except star": ((3, 11), "try:\n    f()\nexcept* OSError:\n    pass\n"),
    "type statement": ((3, 12), "type Pair[T] = tuple[T, torch.Tensor]\n"),
    "type parameters": ((3, 12), "class Box[T](list[T]):\n    def get[*Ts, **P](self, *a: *Ts) -> T: ...\n"),
    "quotes in quotes": ((3, 12), "x = f'{d['k']} {\"\\n\".join(d)}'\n"),
    "default of a type": ((3, 13), "class Box[T = int]:\n    pass\n"),
    "template string": ((3, 14), "x = t'{d!r:>{w}} {torch.old(2)}'\n"),
    "exceptions": ((3, 14), "try:\n    f()\nexcept OSError, socket.error:\n    pass\n"),
    "three exceptions": ((3, 14), "try:\n    f()\nexcept OSError, ValueError, KeyError:\n    pass\n"),
}


@pytest.mark.parametrize("kind", NEWER)
def test_syntax_of_a_newer_python_is_read_by_it_and_told_by_older_ones(kind: str, tmp_path: Path) -> None:
    version, code = NEWER[kind]
    report = scan(request(write(tmp_path, {"new.py": f"import torch\n{code}torch.old(1)\n", "good.py": GOOD})))
    places = [(f.location.path, f.location.line) for f in report.findings]
    assert ("good.py", 2) in places
    if sys.version_info >= version:
        assert not report.problems
        assert ("new.py", code.count("\n") + 2) in places
    else:
        assert len(places) == 1
        [problem] = report.problems
        assert problem.path == "new.py"
        assert "run mlfix with" in problem.message and "Python 2:" not in problem.message
        assert code.splitlines()[(problem.line or 0) - 2].strip().startswith(("type", "class", "x =", "except", "def"))


def test_exceptions_without_brackets_are_told_from_python_2(tmp_path: Path) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("Python 3.14 takes both")
    code = "try:\n    f()\nexcept {}:\n    pass\n"
    write(tmp_path, {f"{n}.py": code.format(e) for n, e in enumerate(("IOError, e", "IOError, ValueError"))})
    first, second = scan(request(tmp_path)).problems
    assert (first.line, "is Python 2" in first.message) == (3, True)
    assert (second.line, "needs Python 3.14" in second.message) == (3, True)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_line_and_the_rest_goes_on(kind: str, tmp_path: Path) -> None:
    data, line, words = BAD[kind]
    report = scan(request(write(tmp_path, {"bad.py": data, "good.py": GOOD})))
    assert [f.location.path for f in report.findings] == ["good.py"]
    [problem] = report.problems
    assert problem.path == "bad.py"
    assert words in problem.message
    if line is not None:
        assert problem.line == line
    assert "\n" not in problem.message


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"good.py": GOOD})
    with (tmp_path / "huge.py").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    [problem] = scan(request(tmp_path)).problems
    assert problem.path == "huge.py"
    assert "52 MB is over the limit of 4 MB" in problem.message


def test_latin_1_with_a_coding_line_is_read(tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\nimport torch\ns = 'é'; torch.old(1)\n".encode("latin-1")
    report = scan(request(write(tmp_path, {"a.py": text})))
    assert not report.problems
    assert [(f.location.line, f.location.column) for f in report.findings] == [(3, 10)]


def test_columns_count_characters(tmp_path: Path) -> None:
    report = scan(request(write(tmp_path, {"a.py": "import torch\ns = '日本語'; torch.old(1)\n"})))
    assert [(f.location.line, f.location.column, f.location.end_column) for f in report.findings] == [(2, 12, 21)]


def test_links_that_loop_end(tmp_path: Path) -> None:
    write(tmp_path, {"a/good.py": GOOD})
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "self.py").symlink_to(tmp_path / "self.py")
    report = scan(request(tmp_path))
    assert [f.location.path for f in report.findings] == ["a/good.py"]
    assert not report.problems


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may read everything")
def test_an_unreadable_folder_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"good.py": GOOD, "closed/a.py": GOOD})
    (tmp_path / "closed").chmod(0)
    try:
        report = scan(request(tmp_path))
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert [p.path for p in report.problems] == ["closed"]


def test_an_unreadable_folder_is_told_by_the_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlfix.analyzer.project import files

    real = os.scandir

    def refuse(path: Path) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(files.os, "scandir", refuse)
    report = scan(request(write(tmp_path, {"good.py": GOOD, "closed/a.py": GOOD})))
    assert [p.path for p in report.problems] == ["closed"]
    assert len(report.findings) == 1


def test_notebooks_are_counted(tmp_path: Path) -> None:
    assert scan(request(write(tmp_path, {"a.ipynb": "{}", "b/c.ipynb": "{}", "good.py": GOOD}))).notebooks == 2


def test_gitignore_environments_and_excludes_are_left_out(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        ".gitignore": "generated/\n*_tmp.py\n!keep_tmp.py\n",
        "generated/a.py": GOOD,
        "b_tmp.py": GOOD,
        "keep_tmp.py": GOOD,
        "env/pyvenv.cfg": "",
        "env/lib/c.py": GOOD,
        "sub/.gitignore": "local.py\n",
        "sub/local.py": GOOD,
        "sub/seen.py": GOOD,
        "toy.egg-info/requires.txt": "torch\n\n[dev]\npytest\n",
    }
    report = scan(request(write(tmp_path, files)))
    assert [f.location.path for f in report.findings] == ["keep_tmp.py", "sub/seen.py"]
    assert not report.problems


IGNORES = {
    "bad lines": (
        b"a/\n!\n[\n//\nlocal.py\n",
        [(2, "is no pattern, so this line ignores nothing: correct or remove it")],
    ),
    "large": (
        b"x" * 2_000_000,
        [(0, "is no ordinary file of at most 1000 kB, so nothing is ignored by it: replace it")],
    ),
}


@pytest.mark.parametrize("kind", IGNORES)
def test_what_is_wrong_with_a_gitignore_costs_no_more_than_that(kind: str, tmp_path: Path) -> None:
    data, expected = IGNORES[kind]
    report = scan(request(write(tmp_path, {".gitignore": data, "local.py": GOOD, "good.py": GOOD})))
    assert [(p.line, p.message) for p in report.problems if p.path == ".gitignore"] == expected
    assert [f.location.path for f in report.findings] == ["good.py"] + ["local.py"] * (kind == "large")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, {"good.py": GOOD})
    os.mkfifo(tmp_path / ".gitignore")
    os.mkfifo(tmp_path / "requirements.txt")
    os.mkfifo(tmp_path / "pipe.py")
    assert [p.path for p in scan(request(tmp_path)).problems] == [".gitignore"]
    with pytest.raises(reader.Unreadable, match="is no ordinary file"):
        Sources(tmp_path).read("pipe.py")


def test_endless_folders_are_left_and_told(tmp_path: Path) -> None:
    write(tmp_path, {"good.py": GOOD, "/".join("d" * 160) + "/deep.py": GOOD})
    report = scan(request(tmp_path))
    [problem] = report.problems
    assert problem.path == "/".join("d" * 151) and "lies over 150 folders deep" in problem.message
    assert len(report.findings) == 1


def test_a_file_that_vanishes_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"good.py": GOOD, "gone.py": GOOD})
    real = Sources.read

    def read(self: Sources, path: str, limit: int = reader.LARGEST_FILE) -> bytes:
        (tmp_path / "gone.py").unlink(missing_ok=True)
        return real(self, path, limit)

    monkeypatch.setattr(Sources, "read", read)
    report = scan(request(tmp_path))
    assert [(p.path, p.message) for p in report.problems] == [
        ("gone.py", "is gone since the folder was listed: scan again")
    ]
    assert len(report.findings) == 1


def test_nothing_is_executed(tmp_path: Path) -> None:
    trap = "from pathlib import Path\nPath(__file__).with_name('executed').touch()\n"
    files: dict[str, str | bytes] = {
        "setup.py": trap + "from setuptools import setup\nsetup(install_requires=['torch==1.9'])\n",
        "train.py": trap + GOOD,
        "conftest.py": trap,
        "sitecustomize.py": trap,
        "environment.yml": "dependencies: !!python/object/apply:os.system ['touch executed']\n",
        ".mlfix/x/results.json": "{}",
    }
    scan(request(write(tmp_path, files), cache_folder=tmp_path / ".mlfix"))
    assert not list(tmp_path.rglob("executed"))


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_facts_or_one_problem(data: bytes) -> None:
    reading = read_file(Sources(Path("/nowhere"), {"a.py": data}), "a.py", [])
    assert (reading.facts is None) == (reading.problem is not None)
    if reading.problem is not None:
        assert reading.problem.message.strip()


def test_a_rule_that_fails_is_told_and_others_go_on(tmp_path: Path) -> None:
    from .toy import OldCall

    class Broken(OldCall):
        name = "broken"
        code = "MLF992"

        def check(self, module, project):
            raise KeyError("oops")

    report = scan(request(write(tmp_path, {"good.py": GOOD}), rules=[Broken(), OldCall()]))
    assert [f.rule for f in report.findings] == ["old-call"]
    [problem] = report.problems
    assert "internal error in rule broken" in problem.message


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlfix.analyzer import worker

    from .toy import OldCall

    class Endless(OldCall):
        def check(self, module, project):
            while True:
                pass

    monkeypatch.setattr(worker, "SECONDS_A_FILE", 0.2)
    [problem] = scan(request(write(tmp_path, {"good.py": GOOD}), rules=[Endless()])).problems
    assert "took too long" in problem.message


def test_encodings_and_line_ends_survive_a_round_trip() -> None:
    for data in (b"\xef\xbb\xbfx = 1\r\n\x0cy = 2", b"# coding: latin-1\ns = '\xe9'\n"):
        text = reader.decode("a.py", data)
        assert text.encode(text.text) == data


def test_what_does_not_come_back_byte_for_byte_is_not_written() -> None:
    for data in (b"# coding: utf-7\ns = '+AGE-'\n", b"# coding: unicode_escape\ns = '\\x41'\n"):
        text = reader.decode("a.py", data)
        with pytest.raises(reader.Unreadable, match="cannot be written back byte for byte in"):
            text.encode(text.text)


def test_a_codemod_that_fails_is_told_and_costs_only_its_fix(tmp_path: Path) -> None:
    def broken(finding, project):
        raise KeyError("oops")

    report = scan(request(write(tmp_path, {"good.py": GOOD}), codemods={"old-call": broken}))
    [finding] = report.findings
    assert finding.fix is None
    assert "codemod failed" in finding.no_fix
    [problem] = report.problems
    assert "internal error in the fix of old-call: KeyError: 'oops'" in problem.message
