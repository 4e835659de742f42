"""Every function that is promised is understood by boxes, and the page that says so is of today."""

from pathlib import Path

import numpy as np
import pytest
import scipy

import flowgraph as fg
from flowgraph.box.numpy_dispatch import implemented
from tests.boxes.coverage_list import FIRST, NOT_YET, PROMISED, REFUSED, found
from tools import coverage_page

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
NAMES = [name for names in PROMISED.values() for name in names.split()]


def understood(name):
    """Whether a box stands for the function, or flowgraph itself has it."""
    function = found(name)
    return name.startswith("fg.") or function in implemented() or f"scipy.special.{function.__name__}" in implemented()


@pytest.mark.parametrize("name", NAMES)
def test_a_promised_function_is_understood(name):
    if found(name) is None and not name.startswith("fg."):
        pytest.skip(f"this version of NumPy or SciPy has no {name}")
    if name in NOT_YET:
        assert found(name) is None or name.startswith("fg.") or not understood(name), f"{name} is done: no NOT_YET"
        return
    if name in REFUSED:
        with pytest.raises(fg.FlowgraphError, match=REFUSED[name]):
            found(name)(*FIRST.get(name, ()), fg.Input("x", shape=(3,)))
        return
    assert found(name) is not None, f"{name}: flowgraph has no such name"
    assert understood(name), f"{name}: no box stands for it"


def test_every_name_is_promised_once():
    assert len(NAMES) == len(set(NAMES))
    assert set(NAMES) >= NOT_YET | set(REFUSED)


def test_the_page_is_of_today():
    page = coverage_page.page()
    version = page.splitlines()[2].partition(":")[0]
    if version not in PAGE.read_text():
        pytest.skip(f"the page was made with other versions than NumPy {np.__version__} and SciPy {scipy.__version__}")
    assert PAGE.read_text() == page, "make it anew: make pages"
