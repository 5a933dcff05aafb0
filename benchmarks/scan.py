"""Measure `mlfix scan` beside TorchFix, Fixit, Flake8 and Ruff on the same code, in one run on one machine.

The code is the Python of timm, lightly and open_clip_torch, as their wheels hold it (versions and hashes below).
Nothing of it is installed or run. Every tool gets a virtual environment of its own; mlfix is installed there from this
repository, not editable.

CPU is user plus system time of the whole process tree, memory the peak of its largest single process, both as the
kernel counts them when the tool ends (`wait4`). Fast commands run several times and the median is given (of memory the
largest); slow ones run once.

    python benchmarks/scan.py                        # everything; the slow peers take minutes
    python benchmarks/scan.py --skip-peers           # mlfix alone
    python benchmarks/scan.py --only mlfix-cold,ruff # some rows
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

REPOSITORY = Path(__file__).resolve().parent.parent

# Pure-Python wheels on PyPI with their sha256; pip refuses anything else.
CORPUS = {
    "timm==1.0.31": "5bd50f7d0fe6d09bf9285ac2523234a1b7e6bf075c0be3e7aed09139fcb617c7",
    "lightly==1.6.0": "f1564244cec0a4d2a5206f818e9de90d5869becbcfcb4a8ef0d78ba61c5b9071",
    "open_clip_torch==3.3.0": "c549ad5ed6bfc119cc11105033c0a2b9d7a2a4afeb40a58a09aab3da1a0043ce",
}
CHANGED_FILE = Path("timm") / "models" / "vision_transformer.py"

PEERS = {"torchfix": "torchfix==0.7.0", "fixit": "fixit==2.2.1", "flake8": "flake8==7.5.0", "ruff": "ruff==0.17.5"}

MLFIX_KEYS = ("python-start", "mlfix-version", "mlfix-cold", "mlfix-fill", "mlfix-warm", "mlfix-changed")
KEYS = (*MLFIX_KEYS, *PEERS)

# Left out of the copy that mlfix is built from: not in the distribution; `build/` would carry stale modules into it.
NOT_BUILT_FROM = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "examples", "tests", "docs")


class BenchmarkError(Exception):
    """A step failed; the message says which and how to go on."""


@dataclass(frozen=True)
class Usage:
    """What one run of a command took."""

    cpu: float
    wall: float
    peak_mib: float
    lines: int


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Args:
        key: Name for `--only`.
        title: Name in the table.
        command: What is measured.
        runs: How often; the median is reported.
        exits: Exit statuses of a run that did its work.
        primer: A command run once, unmeasured, before the first run.
        around: Gives a context in which each run happens (not measured).
    """

    key: str
    title: str
    command: list[str]
    runs: int
    exits: tuple[int, ...] = (0,)
    primer: list[str] | None = None
    around: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext


def main() -> int:
    arguments = parse_arguments()
    try:
        run_benchmark(arguments.workdir, arguments.selected, arguments.runs)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workdir", type=Path, default=user_cache(), help="downloads and environments (%(default)s)")
    parser.add_argument("--only", metavar="ROW,ROW", help=f"measure these rows only: {', '.join(KEYS)}")
    parser.add_argument("--skip-peers", action="store_true", help="measure mlfix alone")
    parser.add_argument("--runs", type=int, default=5, help="runs of each fast command (%(default)s)")
    arguments = parser.parse_args()
    if not hasattr(os, "wait4"):
        parser.error("this benchmark reads wait4(2), which this platform lacks; run it on Linux or macOS")
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    selected = arguments.only.split(",") if arguments.only else list(KEYS)
    if unknown := sorted(set(selected) - set(KEYS)):
        parser.error(f"--only knows no {', '.join(unknown)}; choose from {', '.join(KEYS)}")
    arguments.selected = [key for key in selected if not (arguments.skip_peers and key in PEERS)]
    if not arguments.selected:
        parser.error("--only and --skip-peers leave nothing to measure")
    arguments.workdir = arguments.workdir.resolve()
    return arguments


def user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mlfix-benchmark"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlfix-benchmark"


def run_benchmark(workdir: Path, selected: list[str], runs: int) -> None:
    workdir.mkdir(parents=True, exist_ok=True)
    corpus = fetch_corpus(workdir)
    files, lines = size_of(corpus)
    with tempfile.TemporaryDirectory(prefix="cache-", dir=workdir) as cache:
        cases = [
            *mlfix_cases(workdir, corpus, Path(cache), selected, runs),
            *peer_cases(workdir, corpus, selected, runs),
        ]
        environment = clean_environment(Path(cache))
        load = os.getloadavg()[0]
        results = {case.key: measure(case, environment, workdir) for case in cases}
    print(machine(load, files, lines))
    print()
    print(table(cases, results))
    print()
    for line in targets(results):
        print(line)


# --- what is scanned, and with what ---


def fetch_corpus(workdir: Path) -> Path:
    """The unpacked wheels, all in one folder; downloaded where the folder of these very versions is not there yet."""
    corpus = workdir / ("corpus-" + "-".join(digest[:8] for digest in CORPUS.values()))
    if corpus.is_dir():
        return corpus
    with tempfile.TemporaryDirectory(prefix="download-", dir=workdir) as folder:
        pins = Path(folder) / "pins.txt"
        pins.write_text(
            "".join(f"{name} --hash=sha256:{digest}\n" for name, digest in CORPUS.items()), encoding="utf-8"
        )
        download = ["download", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
        prepare([sys.executable, "-m", "pip", *download, "--requirement", str(pins), "--dest", folder])
        unpacked = Path(folder) / "unpacked"
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(unpacked)
        unpacked.rename(corpus)
    return corpus


def size_of(corpus: Path) -> tuple[int, int]:
    """Number of Python files and of lines in them (read one by one, which also fills the page cache)."""
    paths = sorted(corpus.rglob("*.py"))
    return len(paths), sum(path.read_bytes().count(b"\n") for path in paths)


def virtual_environment(workdir: Path, name: str, requirement: str) -> Path:
    """The `bin` folder of an environment that holds `requirement`; made once for each requirement and Python."""
    root = workdir / f"env-{name}"
    marker = root / "holds.txt"
    wanted = f"{requirement} on {sys.executable} {platform.python_version()}\n"
    if not marker.is_file() or marker.read_text(encoding="utf-8") != wanted:
        prepare([sys.executable, "-m", "venv", "--clear", str(root)])
        prepare([str(root / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement])
        marker.write_text(wanted, encoding="utf-8")
    return root / "bin"


def mlfix_environment(workdir: Path) -> Path:
    """The `bin` folder of an environment that holds mlfix as this repository has it now."""
    with tempfile.TemporaryDirectory(prefix="source-", dir=workdir) as folder:
        source = Path(folder) / "mlfix"
        shutil.copytree(REPOSITORY, source, ignore=NOT_BUILT_FROM)
        root = workdir / "env-mlfix"
        prepare([sys.executable, "-m", "venv", "--clear", str(root)])
        prepare([str(root / "bin" / "python"), "-m", "pip", "install", "--quiet", str(source)])
    return root / "bin"


def prepare(command: list[str]) -> None:
    """Run a step that is not measured.

    Raises:
        BenchmarkError: When it fails; with the last lines it wrote.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise BenchmarkError(f"`{' '.join(command)}` ended with status {done.returncode}:\n{tail}")


def clean_environment(cache: Path) -> dict[str, str]:
    """This process's variables without those that change how Python starts, and with mlfix's cache set."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MLFIX_"))
    }
    return {**kept, "MLFIX_CACHE_DIR": str(cache)}


# --- the rows ---


def mlfix_cases(workdir: Path, corpus: Path, cache: Path, selected: list[str], runs: int) -> list[Case]:
    if not set(selected) & set(MLFIX_KEYS):
        return []
    folder = mlfix_environment(workdir)
    mlfix = str(folder / "mlfix")
    scan = [mlfix, "scan", str(corpus), "--format", "concise", "--exit-zero"]
    version = [mlfix, "--version"]
    bare = [str(folder / "python"), "-c", "pass"]
    cases = [
        Case("python-start", "`python -c pass`", bare, 3 * runs, primer=bare),
        Case("mlfix-version", "`mlfix --version`", version, 3 * runs, primer=version),
        Case("mlfix-cold", "mlfix scan, no cache", [*scan, "--no-cache"], runs, primer=version),
        Case("mlfix-fill", "mlfix scan, filling an empty cache", scan, runs, around=lambda: emptied(cache)),
        Case("mlfix-warm", "mlfix scan, warm", scan, runs, primer=scan),
        Case(
            "mlfix-changed",
            "mlfix scan, one file changed",
            scan,
            runs,
            primer=scan,
            around=lambda: changed(corpus / CHANGED_FILE),
        ),
    ]
    return [case for case in cases if case.key in selected]


def peer_cases(workdir: Path, corpus: Path, selected: list[str], runs: int) -> list[Case]:
    jobs = str(os.cpu_count() or 1)
    arguments = {
        "torchfix": ["--select=ALL", f"--jobs={jobs}", str(corpus)],
        "fixit": ["--quiet", "lint", str(corpus)],
        "flake8": ["--isolated", f"--jobs={jobs}", str(corpus)],
        "ruff": [
            *("check", "--select", "ALL", "--no-cache", "--output-format", "concise"),
            *("--isolated", "--no-respect-gitignore", str(corpus)),
        ],
    }
    titles = {"torchfix": " --select=ALL", "fixit": " lint", "ruff": " check --select ALL"}
    cases: list[Case] = []
    for key, requirement in PEERS.items():
        if key in selected:
            folder = virtual_environment(workdir, key, requirement)
            command = [str(folder / key), *arguments[key]]
            title = requirement.replace("==", " ") + titles.get(key, "")
            # Status 1 is how all four say that they found something.
            cases.append(Case(key, title, command, runs if key == "ruff" else 1, exits=(0, 1)))
    return cases


@contextlib.contextmanager
def emptied(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield


@contextlib.contextmanager
def changed(path: Path) -> Iterator[None]:
    """Give the file contents that no run has seen, and the old ones back afterwards."""
    before = path.read_bytes()
    try:
        path.write_bytes(before + f"\n_changed_at = {time.time_ns()}\n".encode())
        yield
    finally:
        path.write_bytes(before)


# --- measuring ---


def measure(case: Case, environment: dict[str, str], workdir: Path) -> list[Usage]:
    print(f"{case.title} ...", file=sys.stderr, flush=True)
    if case.primer is not None:
        run_once(case.primer, environment, workdir, case.exits)
    usages: list[Usage] = []
    for _ in range(case.runs):
        with case.around():
            usages.append(run_once(case.command, environment, workdir, case.exits))
    return usages


def run_once(command: list[str], environment: dict[str, str], workdir: Path, exits: tuple[int, ...]) -> Usage:
    """Run a command and take its resources from the kernel.

    Raises:
        BenchmarkError: When it ends with a status that is not in `exits`, or prints a traceback.
    """
    with tempfile.TemporaryFile(dir=workdir) as out, tempfile.TemporaryFile(dir=workdir) as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=workdir, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        lines = count_lines(out)
        err.seek(0)
        complaint = err.read().decode(errors="replace")
    if process.returncode not in exits or "Traceback (most recent call last)" in complaint:
        tail = "\n".join(complaint.strip().splitlines()[-5:])
        raise BenchmarkError(f"`{' '.join(command)}` ended with status {process.returncode}:\n{tail}")
    # ru_maxrss: bytes on macOS, KiB elsewhere (getrusage(2)).
    peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return Usage(usage.ru_utime + usage.ru_stime, wall, peak, lines)


def count_lines(stream: IO[bytes]) -> int:
    stream.seek(0)
    return sum(1 for _ in stream)


# --- telling ---


def machine(load: float, files: int, lines: int) -> str:
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration), Path("/proc/cpuinfo").open(encoding="utf-8") as cpus:
        name = next(line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name"))
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores ({name}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, load {load:.1f} at the start. "
        f"Scanned: {', '.join(CORPUS)}: {files:,} files, {lines:,} lines."
    )


def table(cases: list[Case], results: dict[str, list[Usage]]) -> str:
    cold = results.get("mlfix-cold")
    rows = [
        "| command | runs | CPU s | wall s | peak MiB | lines out | CPU / mlfix cold | wall / mlfix cold |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for case in cases:
        usages = results[case.key]
        cpu, wall, peak = median(usages, "cpu"), median(usages, "wall"), max(usage.peak_mib for usage in usages)
        ratios = [f"{cpu / median(cold, 'cpu'):.3g}", f"{wall / median(cold, 'wall'):.3g}"] if cold else ["", ""]
        cells = [
            case.title,
            str(len(usages)),
            f"{cpu:.3g}",
            f"{wall:.3g}",
            f"{peak:.0f}",
            str(usages[-1].lines),
            *ratios,
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def targets(results: dict[str, list[Usage]]) -> Iterator[str]:
    """Say of each promise on speed whether this run kept it; those whose rows were not measured are left out."""
    promises = [
        ("cold CPU against TorchFix", "mlfix-cold", "torchfix", "cpu", 1 / 60),
        ("cold wall against Ruff with all rules", "mlfix-cold", "ruff", "wall", 2.0),
        ("warm CPU against cold", "mlfix-warm", "mlfix-cold", "cpu", 1 / 5),
        ("`--version` wall against a bare Python start", "mlfix-version", "python-start", "wall", 3.0),
    ]
    for text, subject, against, field, limit in promises:
        if subject in results and against in results:
            ratio = median(results[subject], field) / median(results[against], field)
            yield f"- {'kept' if ratio <= limit else 'NOT kept'}: {text}: {ratio:.3g} (at most {limit:.3g})"
    if "mlfix-cold" in results:
        peak = max(usage.peak_mib for usage in results["mlfix-cold"])
        yield f"- {'kept' if peak < 200 else 'NOT kept'}: cold peak of a process: {peak:.0f} MiB (under 200)"


def median(usages: list[Usage], field: str) -> float:
    return statistics.median(getattr(usage, field) for usage in usages)


if __name__ == "__main__":
    raise SystemExit(main())
