"""The code to reproduce a mistake is a few lines of the framework that run by themselves and show the mistake."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

import flowgraph as fg
from tests.checking import user_modules

X = np.random.default_rng(0).normal(size=(2, 3))
MOST_LINES = 8


def checked(framework, name, arguments, **options):
    """The report on a function of a module that is on the path, by arguments that the framework makes."""
    pytest.importorskip(framework, reason=f"{framework} is not installed")
    function = getattr(importlib.import_module(f"of_{framework}"), name)
    return fg.check(function, *arguments(), effort="fast", **options)


def of_jax():
    jax = importlib.import_module("jax")
    return [{"x": jax.numpy.asarray(abs(X) + 1), "w": jax.numpy.asarray(X)}]


CASES = {
    "a dict and a keyword in JAX": ("jax", "of_dict", of_jax, {"power": 2}),
    "a primitive of autograd": ("autograd", "cubed", lambda: [X, 2], {}),
    "a function of MyGrad": ("mygrad", "constant_inside", lambda: [importlib.import_module("mygrad").tensor(X)], {}),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("JAX", "AUTOGRAD", "MYGRAD"):
        (tmp_path / f"of_{name.lower()}.py").write_text(getattr(user_modules, name))
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("jax", "autograd", "mygrad"):
        sys.modules.pop(f"of_{name}", None)


@pytest.mark.parametrize("name", CASES)
def test_each_mistake_has_eight_lines_that_run_by_themselves_and_show_it(name, folder):
    framework, function, arguments, options = CASES[name]
    report = checked(framework, function, arguments, **options)
    assert report.failures
    for failure in report.failures:
        assert len(failure.code.splitlines()) <= MOST_LINES
        assert f"from of_{framework} import {function} as function" in failure.code
        assert "flowgraph" not in failure.code
        shown = run_alone(failure.code, folder)
        word = report.words[1]
        assert shown[word] == pytest.approx(failure.analytic, rel=1e-9, abs=1e-12)
        assert shown["numeric"] == pytest.approx(failure.numeric, rel=1e-3, abs=1e-9)
        assert shown["numeric"] != pytest.approx(shown[word], rel=1e-3)


def run_alone(code, folder):
    """What another process prints that knows the user's module alone."""
    path = os.environ | {"PYTHONPATH": str(folder)}
    found = subprocess.run([sys.executable, "-c", code], cwd=folder, env=path, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return {word: float(value) for word, value in (line.split() for line in found.stdout.splitlines())}
