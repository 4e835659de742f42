"""The folders of the tests are those of the package, so that who changes a file knows where its tests stand."""

import re
from pathlib import Path

import pytest

import flowgraph

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = Path(flowgraph.__file__).parent

OTHERWISE = {
    "benchmarks": "the folder of that name beside the package",
    "fuzz": "random programs, on every path that the package offers",
}
"""Folders of tests that are no folders of the package, and what they test."""

WHOLE = {
    "browser", "choices", "claims", "contract", "display", "distribution", "docs_alone", "docstrings", "documents",
    "errors", "gate", "hostile_pages", "hostile_text", "layers", "lecture", "mirror",
    "mistakes", "names", "peers", "recipe", "release", "sabotage", "seed", "selection", "site", "types", "wrong_kinds",
}  # fmt: skip
"""Tests of the package as a whole, of the modules beside its folders, and of what stands around it."""

FOLDERS = sorted({path.parent.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")} - {"."})


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_tests_is_one_of_the_package(folder):
    assert (PACKAGE / folder / "__init__.py").exists() or folder in OTHERWISE, (
        f"tests/{folder}: flowgraph has no such folder; put the tests where what they test stands"
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_tests_is_a_package(folder):
    """Else two files of one name could not stand in two folders."""
    for place in (folder, *(parent.as_posix() for parent in Path(folder).parents)):
        assert (TESTS / place / "__init__.py").exists(), f"tests/{place} needs an __init__.py"


def test_each_folder_of_the_package_has_tests():
    own = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert own <= set(FOLDERS), f"no tests in {', '.join(f'tests/{name}' for name in sorted(own - set(FOLDERS)))}"


def test_only_what_tests_the_whole_package_stands_loose():
    loose = {path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py")}
    assert loose == WHOLE, "a test of one folder of the package goes into the folder of that name in tests/"


def test_what_is_said_to_stand_elsewhere_does():
    assert {folder for folder in OTHERWISE if folder in FOLDERS} == OTHERWISE.keys()
    assert not [folder for folder in OTHERWISE if (PACKAGE / folder).exists()]


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tools/*.py"), ROOT / "Makefile"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_a_text_names_are_there(page):
    """Those of tools/mutants.py too: it runs what it finds, and one that has moved would be left out silently."""
    for name in re.findall(r"\btests/[\w/.]*\w", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), f"{page.name} names {name}, which is gone"
