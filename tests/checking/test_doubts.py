"""A doubt is not green: every door raises for what is not known, unless it is allowed by name."""

import importlib
import itertools

import numpy as np
import pytest
from click.testing import CliRunner

import flowgraph as fg
from flowgraph.checking.pytest_plugin import TargetItem
from flowgraph.checking.report import DOUBTS, VERDICTS, GradientError, nothing
from flowgraph.cli import main
from flowgraph.cli.check import github_lines
from flowgraph.errors import UsageError

X = np.random.default_rng(0).normal(size=(3, 4))
ALLOWED = [(), ("example only",), ("undecided",), ("undecided", "example only"), "undecided"]


def report_with(verdict):
    report = nothing("f", "nothing was compared", 0)
    report.verdict = verdict
    return report


def raised(call, *arguments, **keywords):
    """Whether a call says that a gradient is wrong, or not known."""
    try:
        call(*arguments, **keywords)
    except GradientError:
        return True
    except pytest.skip.Exception:  # what is allowed is said, and not counted as a pass
        return False
    return False


@pytest.mark.parametrize(("verdict", "allow"), list(itertools.product(VERDICTS, ALLOWED)))
def test_every_door_says_the_same_of_a_verdict(verdict, allow, tmp_path, monkeypatch):
    """A test that raises, the fixture, the plugin, the exit code and the annotation follow one rule."""
    report = report_with(verdict)
    (tmp_path / "kept_doubt.py").write_text("import numpy as np\nexample = (np.sin, np.ones(2))\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flowgraph.cli.check.check_example", lambda *_, **__: report)
    plugin = importlib.import_module("flowgraph.checking.pytest_plugin")
    monkeypatch.setattr(plugin, "check_example", lambda *_, **__: report)
    monkeypatch.setattr(plugin, "fg_check", lambda *_, **__: report)

    green = verdict == "pass" or (verdict != "fail" and bool(allow))
    if verdict == "undecided" and allow == ("example only",):
        green = False
    words = (allow,) if isinstance(allow, str) else allow
    item = TargetItem.__new__(TargetItem)
    item.target, item.order, item.allow = None, 1, words
    result = CliRunner().invoke(main, ["check", "kept_doubt.py:example", *(f"--allow={word}" for word in words)])
    lines = github_lines("f", np.sin, report, words)

    assert report.is_green(allow) is green
    assert raised(report.raise_for_failure, allow=allow) is not green
    assert raised(item.runtest) is not green
    assert raised(plugin.check_gradients.__wrapped__(), np.sin, X, allow=allow) is not green
    assert (result.exit_code == 0) is green, result.output
    assert any(line.startswith("::error") for line in lines) is not green


def test_what_is_raised_says_why_and_what_helps():
    with pytest.raises(GradientError, match=r"f: undecided \(nothing was compared\)(.|\n)*allow=\('undecided',\)"):
        report_with("undecided").raise_for_failure()
    for word in DOUBTS:
        report_with(DOUBTS[word]).raise_for_failure(allow=word)
    for unknown in ("fail", "pass", "no doubt"):
        with pytest.raises(UsageError, match=r"needs any of 'undecided', 'example only'"):
            report_with("pass").raise_for_failure(allow=[unknown])


def swish(x, slope):
    return x / (1 + np.exp(-slope * x))


def swish_without_slope(g, y, x, slope):
    s = 1 / (1 + np.exp(-x))
    return g * (s + x * s * (1 - s)), None


def mean_of_four(g, y, x):
    return (np.full(x.shape, g / 4),)


WRONG = {
    "a factor": (np.tanh, lambda g, y, x: (1.01 * g * (1 - y * y),), X),
    "a setting that is forgotten": (swish, swish_without_slope, X, 1.0),
    "a size": (np.mean, mean_of_four, X[0]),
    "one element": (np.sin, lambda g, y, x: (g * np.where(np.arange(x.shape[-1]) == 2, 1, np.cos(x)),), X),
    "below 0": (np.square, lambda g, y, x: (g * np.where(x < 0, 0, 2 * x),), X[0]),
    "at a zero": (np.sin, lambda g, y, x: (g * np.where(x == 0, 0, np.cos(x)),), X),
}


@pytest.mark.parametrize("name", WRONG)
def test_no_budget_makes_a_wrong_gradient_green(name):
    """Whatever calls are left: a mismatch is looked at to its end, and what was not tried is a doubt."""
    fprop, bprop, *example = WRONG[name]
    verdicts = {}
    for budget in sorted({int(budget) for budget in np.geomspace(1, 4_000, 24)}):
        report = fg.check(fprop, *example, bprop=bprop, budget=budget)
        verdicts[budget] = report.verdict
        assert raised(report.raise_for_failure), f"budget={budget}: {report}"
    assert "fail" in verdicts.values()


def test_a_check_that_ends_before_other_settings_are_tried_is_no_pass():
    report = fg.check(swish, X, 1.0, bprop=swish_without_slope, budget=200)
    assert report.verdict == "pass (example only)", str(report)
    assert raised(report.raise_for_failure)


def mean(x, y):
    return np.mean((x - y) ** 2)


def of_one_row(g, h, x, y):
    return 2 * g * (x - y) / x.shape[-1], -2 * g * (x - y) / x.shape[-1]


def of_any(g, h, x, y):
    return 2 * g * (x - y) / x.size, -2 * g * (x - y) / x.size


@pytest.mark.parametrize(("bprop", "rows", "said"), [(of_one_row, 1, True), (of_any, 1, False), (of_any, 2, False)])
def test_a_batch_of_one_is_said_in_the_first_line_where_a_larger_one_is_wrong(bprop, rows, said):
    report = fg.check(mean, X[:rows], X[-rows:] + 1, bprop=bprop)
    first, *_ = str(report).splitlines()
    assert report.passed
    assert (
        first
        == "mean: PASS"
        + " (nothing about batches was checked: the example has one row, and with 3 bprop is wrong)" * said
    )
    assert bool(report.remark) is said
    assert report.remark in report._repr_html_()
    assert fg.check(mean, X[:2], X[1:], bprop=of_one_row).verdict == "fail"
