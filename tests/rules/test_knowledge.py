"""The version facts: their shape, their sense, and, where torch is installed, the installed torch's own word."""

import importlib
import importlib.util
import inspect
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from mlfix.rules import knowledge
from packaging.specifiers import SpecifierSet
from packaging.version import Version

FOLDER = Path(knowledge.__file__).parent
API_FILES = [f"{package}_api.yaml" for package in knowledge.PACKAGES]
ALL_FILES = [*API_FILES, "packages.yaml", "torch_signatures.yaml"]
HEALTHY = {
    "healthy.yaml",
    "autocast.yaml",
    "saved_values.yaml",
    "learning_rates.yaml",
}  # no facts about versions; tests of their own read them


def load(name):
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def names_of(package):
    return {name: fact for name, fact in knowledge.api_names().items() if name.partition(".")[0] == package}


@pytest.mark.parametrize("file", API_FILES)
def test_each_api_row_has_the_known_keys_and_a_source_in_a_known_release(file):
    package = file.removesuffix("_api.yaml")
    for row in load(file)["names"]:
        assert set(row) <= {"names", "first", "deprecated", "removed", "replacement", "source"}, row
        assert {"names", "first", "source"} <= set(row), row
        assert row["source"].startswith(f"{package}-{row['first']}: {package}/"), row
        for key in ("first", "deprecated", "removed"):
            assert key not in row or isinstance(row[key], str), row
            assert key not in row or row[key] in row["source"], row


@pytest.mark.parametrize("file", API_FILES)
def test_a_name_stands_in_one_row(file):
    names = [name for row in load(file)["names"] for name in row["names"]]
    assert len(names) == len(set(names))
    assert all(name.startswith(file.removesuffix("_api.yaml") + ".") for name in names)


def test_every_file_of_the_folder_is_read_by_a_test():
    assert sorted(path.name for path in FOLDER.glob("*.yaml")) == sorted([*ALL_FILES, *HEALTHY])


def test_a_name_is_first_made_then_deprecated_then_removed_in_releases_that_exist():
    for name, fact in knowledge.api_names().items():
        known = knowledge.releases(name.partition(".")[0])
        stages = [v for v in (fact.first, fact.deprecated, fact.removed) if v is not None]
        assert all(version in known for version in stages), name
        assert stages == sorted(stages), name
        assert fact.removed != fact.first, name


def test_a_name_in_no_row_was_either_made_later_or_left_behind():
    oldest = {package: knowledge.admitted_releases(package)[0] for package in knowledge.PACKAGES}
    for name, fact in knowledge.api_names().items():
        changed = fact.first != oldest[name.partition(".")[0]] or fact.deprecated or fact.removed
        assert changed, f"{name} says nothing that every release does not say"


def test_a_replacement_is_there_when_it_is_recommended():
    for name, fact in knowledge.api_names().items():
        if fact.replacement is None:
            continue
        when = fact.deprecated or fact.removed
        assert when is not None, name
        successor = knowledge.api(fact.replacement)
        if successor is not None and name.partition(".")[0] == fact.replacement.partition(".")[0]:
            assert successor.exists_in(when), f"{name} -> {fact.replacement} at {when}"


def test_a_submodule_is_not_older_than_its_package():
    facts = knowledge.api_names()
    for name, fact in facts.items():
        parent = facts.get(name.rpartition(".")[0])
        assert parent is None or parent.first <= fact.first, name


def test_releases_ascend_and_are_final():
    for package in knowledge.PACKAGES:
        versions = knowledge.admitted_releases(package)
        assert list(versions) == sorted(set(versions)), package
        assert not any(version.is_prerelease or version.local for version in versions), package
        assert all(release.source.startswith(f"{package}-{v}-") for v, release in knowledge.releases(package).items())


def test_pairs_name_known_releases_and_ascend_with_torch():
    pairs = knowledge.pairs()
    assert tuple(pairs) == knowledge.admitted_releases("torch")
    for package in ("torchvision", "torchaudio"):
        partners = [getattr(pair, package) for pair in pairs.values() if getattr(pair, package)]
        assert all(version in knowledge.releases(package) for group in partners for version in group)
        assert all(list(group) == sorted(group) for group in partners)
        newest = [group[-1] for group in partners]
        assert newest == sorted(newest), package


def test_every_pair_satisfies_what_the_partner_asks_of_torch():
    for torch, pair in knowledge.pairs().items():
        for package in ("torchvision", "torchaudio"):
            for version in getattr(pair, package):
                release = knowledge.releases(package)[version]
                assert not release.yanked
                assert release.torch is not None
                assert torch in release.torch


def test_every_torchvision_that_pins_torch_exactly_is_in_that_pair():
    for package in ("torchvision", "torchaudio"):
        for version, release in knowledge.releases(package).items():
            if release.torch and not release.yanked and str(release.torch).startswith("=="):
                torch = next(v for v in knowledge.admitted_releases("torch") if v in release.torch)
                assert version in getattr(knowledge.pairs()[torch], package)


def test_a_partner_has_a_wheel_for_a_python_that_torch_has():
    minors = [Version(f"3.{minor}.9") for minor in range(5, 20)] + [Version("2.7.18")]
    for torch, pair in knowledge.pairs().items():
        pythons = {python for python in minors if python in knowledge.python_range(torch)}
        assert pythons
        for package in ("torchvision", "torchaudio"):
            for version in getattr(pair, package):
                assert any(python in knowledge.python_range(version, package) for python in pythons), (torch, version)


@pytest.mark.parametrize(
    ("torch", "inside", "outside"),
    [("1.9.0", ["3.6.9", "3.9.0"], ["3.10.0", "3.5.2", "2.7.18"]), ("2.3.0", ["3.8.0", "3.12.4"], ["3.13.0", "3.7.9"])],
)
def test_python_range(torch, inside, outside):
    specifiers = knowledge.python_range(Version(torch))
    assert isinstance(specifiers, SpecifierSet)
    assert all(python in specifiers for python in inside)
    assert not any(python in specifiers for python in outside)


def test_unknown_names_packages_and_releases_are_unknown():
    assert knowledge.api("torch.no_such_name") is None
    assert knowledge.api("numpy.float") is None
    assert knowledge.admitted_releases("numpy") == ()
    assert knowledge.python_range(Version("0.4.1")) is None
    assert knowledge.signature("torch.no_such_name", Version("2.0.0")) is None
    assert knowledge.signature("torch.amp.GradScaler", Version("2.2.2")) is None


def test_positional_arguments_change_their_meaning_between_the_spellings():
    old = knowledge.signature("torch.cuda.amp.GradScaler", Version("2.2.0"))
    new = knowledge.signature("torch.amp.GradScaler", Version("2.4.0"))
    assert new.positional == ("device", *old.positional)
    first, later = (knowledge.signature("torch.autocast", Version(v)) for v in ("1.10.2", "1.11.0"))
    assert first.positional[1] != later.positional[1]
    assert first.takes_kwargs
    assert not later.takes_kwargs


def test_a_signature_is_of_a_name_that_exists_and_has_a_source():
    for row in load("torch_signatures.yaml")["signatures"]:
        ranges = knowledge.signatures(row["name"])
        assert len(ranges) == len(row["ranges"])
        versions = [entry.first for entry in ranges]
        assert versions == sorted(set(versions))
        fact = knowledge.api(row["name"])
        assert fact is None or fact.first == versions[0], row["name"]
        for entry in ranges:
            assert entry.source.startswith(f"torch-{entry.first}: torch/")
            names = [parameter.name for parameter in entry.parameters]
            assert len(names) == len(set(names))


def test_one_question_reads_one_file():
    program = (
        "from mlfix.rules import knowledge as k; k.api('torchvision.ops.nms');"
        "print(k._api_of.cache_info().currsize, k.releases.cache_info().currsize, k._signatures.cache_info().currsize)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["1", "0", "0"]


@pytest.mark.skipif(not hasattr(yaml, "CSafeLoader"), reason="PyYAML was built without libyaml")
@pytest.mark.parametrize("file", ALL_FILES)
def test_a_file_is_small_enough_to_be_read_at_start_up(file):
    text = (FOLDER / file).read_bytes()
    took = []
    for _ in range(5):
        start = time.process_time()
        yaml.load(text, Loader=yaml.CSafeLoader)
        took.append(time.process_time() - start)
    assert min(took) < 0.03


def resolve(name):
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ImportError(name)


def works(name):
    """Whether the installed package has the name, and not only a stub that says that it is gone."""
    try:
        found = resolve(name)
    except (ImportError, AttributeError):
        return False
    try:
        found(None, None)
    except RuntimeError as error:
        return "is now removed" not in str(error)
    except Exception:
        return True
    return True


@pytest.mark.parametrize("package", knowledge.PACKAGES)
@pytest.mark.filterwarnings("ignore")
def test_the_installed_package_has_what_the_table_says(package):
    installed = pytest.importorskip(package)
    version = Version(Version(installed.__version__).base_version)
    if version not in knowledge.releases(package):
        pytest.skip(f"{package} {version} is not in the table")
    wrong = []
    for name, fact in names_of(package).items():
        if name.startswith("torch.utils.tensorboard") and importlib.util.find_spec("tensorboard") is None:
            continue
        if fact.removed is not None and fact.removed <= version:
            agrees = not works(name)
        elif fact.exists_in(version):
            agrees = _has(name)
        else:
            agrees = not _has(name)
        if not agrees:
            wrong.append(name)
    assert wrong == []


@pytest.mark.filterwarnings("ignore")
def test_the_installed_torch_has_the_parameters_of_the_table():
    version = Version(Version(pytest.importorskip("torch").__version__).base_version)
    if version not in knowledge.releases("torch"):
        pytest.skip(f"torch {version} is not in the table")
    wrong = []
    for row in load("torch_signatures.yaml")["signatures"]:
        entry = knowledge.signature(row["name"], version)
        real = inspect.signature(resolve(row["name"])).parameters.values()
        named = [p for p in real if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        said = [(p.name, p.keyword_only, p.default is None) for p in entry.parameters]
        if said != [(p.name, p.kind is p.KEYWORD_ONLY, p.default is p.empty) for p in named]:
            wrong.append((row["name"], said, [str(p) for p in named]))
    assert wrong == []


def _has(name):
    try:
        resolve(name)
    except (ImportError, AttributeError):
        return False
    return True
