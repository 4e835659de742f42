"""`flowgraph.testing`, as a package of boxes outside of this one uses it: in pytest, and without it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.cases import Case, rows_of
from flowgraph.errors import BoxContractError, install_hint
from flowgraph.testing import CHECKS, box_classes, check_box_class, checks, parametrize_with_checks
from tests.registry import unregister

ROOT = Path(__file__).resolve().parent.parent.parent

BOXES = '''
import numpy as np
import flowgraph as fg

class Softsign(fg.Elementwise):
    """h = a / (1 + |a|)"""

    analytic = False

    def fprop(self, a):
        return a / (1 + np.abs(a))

    def bprop(self, grad, h, a):
        return (grad / (1 + np.abs(a)) ** 2,)
'''

WRONG = """
from mypackage.boxes import Softsign

class Halved(Softsign):
    def bprop(self, grad, h, a):
        return (0.5 * super().bprop(grad, h, a)[0],)
"""

TESTS = """
from flowgraph.testing import parametrize_with_checks

@parametrize_with_checks("mypackage")
def test_boxes(box_class, check):
    check(box_class)
"""


@pytest.fixture
def run(tmp_path):
    """Runs Python in a fresh folder with a package of two boxes, one of them wrong; returns the exit code and text."""
    package = tmp_path / "mypackage"
    package.mkdir()
    for name, text in (("__init__", ""), ("boxes", BOXES), ("wrong", WRONG), ("__main__", "raise SystemExit(3)")):
        (package / f"{name}.py").write_text(text)
    (tmp_path / "test_boxes.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    def ran(*arguments):
        command = [sys.executable, "-W", "error", *arguments]
        environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
        return done.returncode, done.stdout + done.stderr

    return ran


def test_a_package_tests_its_own_boxes_in_three_lines(run):
    code, text = run("-m", "pytest", "-p", "no:cacheprovider", "test_boxes.py")
    assert code == 1, text
    failed = {line.split()[1] for line in text.splitlines() if line.startswith("FAILED")}
    assert failed == {"test_boxes.py::test_boxes[Halved-gradient_by_central_differences]"}, text
    assert f"1 failed, {2 * len(CHECKS) - 1} passed" in text
    assert "Halved: fails gradient_by_central_differences" in text
    assert "found: Halved((3, 4)): bprop gives the slope" in text


def test_one_class_is_chosen_by_its_name(run):
    code, text = run("-m", "pytest", "-p", "no:cacheprovider", "-k", "Softsign", "test_boxes.py")
    assert code == 0, text
    assert f"{len(CHECKS)} passed" in text


def test_one_call_needs_no_pytest_and_asserts_under_optimisation(run):
    code = """
import sys
sys.modules["pytest"] = None
from flowgraph.testing import check_box_class, parametrize_with_checks
from mypackage.wrong import Halved, Softsign
check_box_class(Softsign, formulas={"Softsign": lambda a: a / (1 + abs(a))})
for call in (lambda: check_box_class(Halved), lambda: parametrize_with_checks("mypackage")):
    try:
        call()
    except (AssertionError, ImportError) as error:
        print(f"{type(error).__name__}: {error}")
"""
    done, text = run("-O", "-c", code)
    assert done == 0, text
    assert "BoxContractError: Halved: fails gradient_by_central_differences" in text
    needed = "ImportError: flowgraph.testing.parametrize_with_checks: needs pytest; run: "
    assert f"{needed}{install_hint('pytest')}, or call check_box_class(cls)" in text


def test_flowgraph_does_not_import_pytest(run):
    code, text = run("-c", "import sys, flowgraph.testing; assert 'pytest' not in sys.modules")
    assert code == 0, text


def test_a_box_that_raises_anything_fails_with_the_check_and_the_example():
    class Breaks(fg.Elementwise):
        def fprop(self, a):
            return a * 1.0

        def bprop(self, grad, h, a):
            raise KeyError("inside")

    with pytest.raises(AssertionError, match=r"Breaks: fails one_gradient_per_child\n  found: Breaks\(.*KeyError: 'in"):
        check_box_class(Breaks)


def test_one_call_lists_each_check_that_fails():
    class NotLinear(fg.Elementwise):
        def fprop(self, a):
            return a * a

        def bprop(self, grad, h, a):
            return [2 * a * grad * grad]

    with pytest.raises(AssertionError) as caught:
        check_box_class(NotLinear)
    failing = [line for line in str(caught.value).splitlines() if line.startswith("NotLinear: fails ")]
    assert len(failing) > 3
    for name in ("one_gradient_per_child", "gradient_by_central_differences", "postconditions_hold"):
        assert f"NotLinear: fails {name}" in failing


def test_classes_without_examples_and_leaves_are_tested_by_others():
    class Inner(fg.Elementwise):
        examples = None

        def fprop(self, a):
            return a * 1.0

    class Drawn(fg.Leaf):
        pass

    with pytest.raises(fg.FlowgraphError, match=rf"found no Box subclass in {__name__}"):
        box_classes(__name__)
    assert box_classes([Inner]) == [Inner]


def test_each_check_is_described_and_named_once():
    found = checks({})
    assert len({check.name for check in found}) == len(found) == len(CHECKS) + 1
    assert all(check.needed for check in found)
    mark = parametrize_with_checks([fg.Tanh, fg.Exp])
    assert [pair.id for pair in mark.args[1]] == [f"{cls}-{check.name}" for cls in ("Tanh", "Exp") for check in CHECKS]


def test_a_wrong_slope_is_told_with_child_and_element_as_fg_check_tells_it():
    @unregister
    class Scaled(fg.Box):
        """h = a w, whose gradient by w is twice as large as it should be."""

        def fprop(self, a, w):
            return a * w

        def bprop(self, grad, h, a, w):
            return grad * w, 2 * grad * a

    with pytest.raises(BoxContractError) as found:
        check_box_class(Scaled)
    text = str(found.value)
    assert "central differences" in text
    assert "gradient of w[" in text
    assert "looks like: a factor: it should be 1/2 times as large" in text


def of_mean(self, a):
    """A fprop that mixes all elements, whatever the class declares."""
    return a - np.mean(a)


@pytest.mark.parametrize(
    ("base", "declared"),
    [
        (fg.Elementwise, {}),
        (fg.Box, {"signature": "(n)->(n)"}),
        (fg.Box, {"core": fg.Core(last=1)}),
        (fg.Box, {"core": fg.Core("axis"), "axis": 0, "__annotations__": {"axis": int}}),
    ],
)
def test_a_class_that_mixes_what_it_declares_apart_fails_over_rows(base, declared):
    mixing = type(base)("Mixing", (base,), {"__module__": __name__, "fprop": of_mean, **declared})
    with pytest.raises(BoxContractError, match="Mixing: fails rows_at_once"):
        check_box_class(unregister(mixing))
    assert "over rows of a the value is not that of each row" in str(fg.check(mixing, effort="fast"))


@pytest.mark.parametrize("count", [1, 2, 4, 5, 12])
def test_rows_are_tried_of_each_child_of_all_and_of_no_more_sets_than_five_children_have(count):
    case = Case(fg.Concatenate, (np.ones((2, 3)),) * count, {"axis": 1})
    names = case.box.names_of_children()
    sets = [chosen for chosen, _, _ in rows_of(case)]
    assert sets[:count] == list(names)
    assert count == 1 or sets[count] == ", ".join(names)
    assert len(sets) == len(set(sets)) == min(2**count - 1, 31)
