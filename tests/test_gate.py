"""What decides about a change: a failure of a test that passes alone is told apart from one that stays."""

import pytest

from tests import failures, soak
from tests.failures import ENDED, FAILED, PASSED, Ran, repeating, run_tests
from tests.gate import MOST_AGAIN, MOST_UNSTABLE, judge


def judged(alone, code=FAILED):
    """The exit code and the lines, where these tests failed and end alone with these codes."""
    return judge(Ran(code, dict.fromkeys(alone, ""), ""), lambda test: Ran(alone[test], {}, ""))


@pytest.mark.parametrize("unstable", range(5))
@pytest.mark.parametrize("stay", range(3))
def test_few_that_pass_alone_are_named_and_let_through_and_nothing_else_is(unstable, stay):
    alone = {f"a.py::test[{i}]": PASSED for i in range(unstable)} | {f"b.py::test[{i}]": FAILED for i in range(stay)}
    code, lines = judged(alone, FAILED if alone else PASSED)
    assert (code == PASSED) == (stay == 0 and unstable <= MOST_UNSTABLE)
    for test, ended in alone.items():
        line = next(line for line in lines if repeating(test) in line)
        assert line.startswith("unstable" if ended == PASSED else "failed")


@pytest.mark.parametrize("code", [2, 3, 4, 5])
def test_a_run_that_did_not_come_to_its_end_is_refused(code):
    assert judged({"a.py::test": PASSED}, code)[0] == code
    assert judged({}, code) == (code, [])


def test_a_failure_that_no_test_has_is_refused():
    """A floor of coverage, for one."""
    assert judged({}) == (FAILED, [])


def test_of_many_failures_none_is_run_again():
    many = {f"a.py::test[{number}]": PASSED for number in range(MOST_AGAIN + 1)}
    assert judged(many)[0] == FAILED


def test_the_line_that_repeats_a_test_is_one_of_a_shell_with_what_it_draws(monkeypatch):
    for name in failures.DRAWING:
        monkeypatch.delenv(name, raising=False)
    assert repeating("a.py::test[x y]") == "python -m pytest 'a.py::test[x y]'"
    monkeypatch.setenv("FLOWGRAPH_SEED", "7")
    assert repeating("a.py::test", "-x", HYPOTHESIS_PROFILE="ci") == (
        "FLOWGRAPH_SEED=7 HYPOTHESIS_PROFILE=ci python -m pytest -x a.py::test"
    )


SOME = """
import os, time

def test_passes():
    pass

def test_fails():
    assert os.environ["OF_THE_RUN"] == "other"

def test_takes_long():
    time.sleep(float(os.environ["OF_THE_RUN"]))
"""


def run_some(folder, seconds, *arguments, most=None):
    """Run three tests, of which one fails, in a folder with the plugin alone."""
    (folder / "conftest.py").write_text(
        "from pathlib import Path\nfrom tests.failures import Failures\n"
        "def pytest_addoption(parser):\n    parser.addoption('--failures')\n"
        "def pytest_configure(config):\n"
        "    if not hasattr(config, 'workerinput'):\n"
        "        config.pluginmanager.register(Failures(Path(config.getoption('--failures'))))\n"
    )
    (folder / "test_some.py").write_text(SOME)
    options = ("-p", "no:cacheprovider", *arguments)
    around = {"OF_THE_RUN": str(seconds), "PYTHONPATH": str(failures.ROOT)}
    return run_tests(*options, quiet=True, root=folder, most=most, **around)


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["alone", "with a worker"])
def test_what_failed_is_known_with_its_text(tmp_path, arguments):
    ran = run_some(tmp_path, 0, *arguments)
    assert ran.code == FAILED, ran.output
    assert list(ran.failed) == ["test_some.py::test_fails"]
    assert "OF_THE_RUN" in ran.failed["test_some.py::test_fails"]
    assert "1 failed, 2 passed" in ran.output


@pytest.mark.sampled(one_in=3)  # it waits for twenty seconds
def test_what_failed_before_a_run_was_ended_is_known(tmp_path):
    ran = run_some(tmp_path, 600, most=20)
    assert ran.code == ENDED, ran.output
    assert list(ran.failed) == ["test_some.py::test_fails"]


def test_a_failure_of_a_fresh_seed_is_a_file_with_the_line_that_repeats_it(tmp_path, monkeypatch):
    seeds = iter((5, 6, 7))
    first = Ran(FAILED, {"a.py::test[1]": "it differs"}, "")
    ends = iter([first, Ran(PASSED, {}, ""), Ran(ENDED, {"b.py::test": ""}, "")])
    asked = []

    def run(*options, most, **environment):
        asked.append((options, environment))
        return next(ends)

    monkeypatch.setattr(soak, "random_seed", lambda: next(seeds))
    monkeypatch.setattr(soak, "run_tests", run)
    rounds, found = soak.soak(5, ["tests/plan"], tmp_path / "soak")
    assert rounds == 2
    assert [path.name for path in found] == ["5-0.txt", "7-0.txt"]
    assert found[0].read_text() == (
        "FLOWGRAPH_SEED=5 HYPOTHESIS_PROFILE=dev python -m pytest --hypothesis-seed=5 'a.py::test[1]'\n\nit differs\n"
    )
    assert [environment["FLOWGRAPH_SEED"] for _, environment in asked] == ["5", "6", "7"]
    assert all("tests/plan" in options for options, _ in asked)


def test_a_search_for_failures_stops_where_pytest_cannot_run(tmp_path, monkeypatch):
    monkeypatch.setattr(soak, "run_tests", lambda *options, **environment: Ran(4, {}, ""))
    with pytest.raises(RuntimeError, match="exit code 4"):
        soak.soak(1, [], tmp_path)
