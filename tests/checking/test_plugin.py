"""The pytest plugin, run inside pytest."""

import contextlib
import sys

import pytest

import flowgraph.checking.check  # noqa: F401  now, since what pytester forgets is imported again, with another fg.check

for framework in ("torch", "jax"):  # now, since pytester forgets what is imported while it runs, and C code bears no
    with contextlib.suppress(ImportError):  # second import
        __import__(framework)

pytest_plugins = ["pytester"]

BOXES = '''
"""Boxes of a user."""
import numpy as np
import flowgraph as fg


class Good{n}(fg.Elementwise):
    def fprop(self, a):
        return np.sin(a)

    def bprop(self, grad, h, a):
        return (grad * np.cos(a),)


class Bad{n}(fg.Elementwise):
    def fprop(self, a):
        return np.sin(a)

    def bprop(self, grad, h, a):
        return (grad * np.sin(a),)
'''


@pytest.fixture
def project(pytester, monkeypatch):
    """A fresh package of boxes, run in this process with the plugin alone; its modules are forgotten."""
    modules = set(sys.modules)
    package = pytester.mkpydir("mypackage")
    (package / "boxes.py").write_text(BOXES.format(n=""))
    (package / "more").mkdir()
    (package / "more" / "__init__.py").write_text(BOXES.format(n="More"))
    pytester.makepyfile(only_good=BOXES.split("class Bad")[0].format(n="Alone"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    yield lambda *arguments: pytester.runpytest_inprocess("-p", "flowgraph.checking.pytest_plugin", *arguments)
    for name in set(sys.modules) - modules:
        if name.split(".")[0] in ("mypackage", "only_good", "test_own", "kept_functions", "kept_torch", "kept_jax"):
            del sys.modules[name]


def test_every_box_of_a_module_is_a_test(project):
    result = project("--check-boxes=mypackage.boxes", "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["mypackage.boxes::Good PASSED*", "mypackage.boxes::Bad FAILED*"])
    result.stdout.fnmatch_lines(["*Bad: FAIL*", "*Bad, gradient of a*", "*from mypackage.boxes import Bad*"])


def test_a_package_and_a_file(project):
    project("--check-boxes=mypackage", "--check-boxes=only_good.py").assert_outcomes(passed=3, failed=2)


def test_boxes_are_chosen_by_name(project):
    project("--check-boxes=mypackage.boxes", "-k", "Good", "--check-boxes-order=2").assert_outcomes(
        passed=1, deselected=1
    )


def test_a_module_that_is_not_there(project):
    result = project("--check-boxes=mypackage.nothing")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--check-boxes=mypackage.nothing: cannot be imported*"])


def test_a_module_without_boxes(project):
    result = project("--check-boxes=json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*found no Box subclass there*"])


FUNCTIONS = """
import functools
import numpy as np
import flowgraph as fg


def square(x):
    return x * x


right = functools.partial(fg.check, square, np.array([0.5, -2.0]), bprop=lambda grad, y, x: (2 * x * grad,))
wrong = functools.partial(fg.check, square, np.array([0.5, -2.0]), bprop=lambda grad, y, x: (x * grad,))
nothing = (square, square)


def made():
    return right
"""
TORCH = """
import torch


class Halved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x / 2

    @staticmethod
    def backward(ctx, grad):
        return grad


halved = (Halved, torch.tensor([0.5, -1.0]))
layer = (torch.nn.Linear(2, 3), torch.ones(4, 2))
"""
JAX = """
import jax
import jax.numpy as jnp

tanh = (jax.jit(jnp.tanh), jnp.array([0.5, -1.0]))
"""


def test_examples_of_functions_are_tests(project, pytester):
    pytester.makepyfile(kept_functions=FUNCTIONS)
    result = project("--check-boxes=kept_functions", "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["kept_functions::right PASSED*", "kept_functions::wrong FAILED*"])
    project("--check-boxes=kept_functions:right", "--check-boxes=kept_functions:made").assert_outcomes(passed=2)
    result = project("--check-boxes=kept_functions:nothing")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*kept_functions:nothing: found a tuple there, needs a box class*"])


def test_examples_of_torch_are_tests(project, pytester):
    pytest.importorskip("torch", reason="torch is not installed")
    pytester.makepyfile(kept_torch=TORCH)
    result = project("--check-boxes=kept_torch", "-v")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["kept_torch::halved FAILED*", "*Halved: FAIL*", "*backward*"])


def test_examples_of_jax_are_tests(project, pytester):
    pytest.importorskip("jax", reason="jax is not installed")
    pytester.makepyfile(kept_jax=JAX)
    project("--check-boxes=kept_jax").assert_outcomes(passed=1)


def test_the_fixture(project, pytester):
    pytester.makepyfile(
        test_own="""
        import numpy as np
        from mypackage.boxes import Bad, Good

        def test_good(check_gradients):
            assert check_gradients(Good).resolution < 1e-8

        def test_bad(check_gradients):
            check_gradients(Bad)

        def test_function(check_gradients):
            check_gradients(np.sin, np.ones(3), bprop=lambda grad, output, x: (grad * np.cos(x),))
        """
    )
    result = project()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        ["E*GradientError: Bad: wrong gradient of a (*", "E*Bad: FAIL", "test_own.py:*GradientError"]
    )


def test_nothing_needs_to_be_configured(pytester):
    pytester.makepyfile(
        test_own="""
        import numpy as np

        def test_sine(check_gradients):
            check_gradients(np.sin, np.ones(3), bprop=lambda grad, h, a: (grad * np.cos(a),))
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
