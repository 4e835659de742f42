"""The example database and --hypothesis-seed of Hypothesis, with property_test and the strategies, in pytest."""

import re
import shutil

import pytest

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long

pytest_plugins = ["pytester"]

OWN = '''
import os

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis.database import DirectoryBasedExampleDatabase

import flowgraph as fg
from flowgraph.checking import strategies


class Bent(fg.Elementwise):
    """Wrong above 2."""

    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (np.where(a > 2.0, 3 * grad * a, 2 * grad * a),)


mine = settings(
    phases=[Phase[os.environ["PHASE"]]],  # what is drawn first is not made smaller, which would make all of them alike
    database=DirectoryBasedExampleDatabase("kept"),
    derandomize=False,
    deadline=None,
)


@mine
@fg.property_test(Bent)
def test_decorated():
    pass


@mine
@given(strategies.cases(Bent))
def test_given(case):
    fg.check(case).raise_for_failure(allow="undecided")


@mine
@given(strategies.graphs())
def test_graph(graph):
    assert len(graph.boxes) < 4
'''
TESTS = 3


@pytest.fixture
def failing(pytester, monkeypatch):
    """Runs the tests above in one phase of Hypothesis; gives the arguments with which each of them failed."""
    pytester.makepyfile(test_own=OWN)

    def run(phase, *arguments, failed=TESTS):
        monkeypatch.setenv("PHASE", phase)
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)
        assert result.parseoutcomes().get("failed", 0) == failed
        return re.findall(r"^E +((?:case|graph)=.*?)^E +\)$", result.stdout.str(), re.DOTALL | re.MULTILINE)

    return run


def test_a_failure_is_replayed_from_the_database(failing, pytester):
    found = failing("generate")
    assert len(found) == TESTS
    assert failing("reuse") == found
    shutil.rmtree(pytester.path / "kept")
    assert failing("reuse", failed=0) == []  # without it there is nothing to replay


def test_the_same_seed_fails_on_the_same_example(failing):
    found = failing("generate", "--hypothesis-seed=1")
    assert len(found) == TESTS
    assert failing("generate", "--hypothesis-seed=1") == found
    assert failing("generate", "--hypothesis-seed=2") != found
