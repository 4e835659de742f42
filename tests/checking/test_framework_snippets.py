"""The code that a report gives to reproduce a mistake runs in the framework's own words, and shows the mistake."""

import inspect

import numpy as np
import pytest

import flowgraph as fg

torch = pytest.importorskip("torch", reason="torch is not installed")
torch.set_num_threads(1)
X = torch.tensor(np.random.default_rng(0).normal(size=(2, 3)))


class Doubled(torch.autograd.Function):
    """Its backward forgets the 2."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return grad


class TwoOutputs(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w, x + w

    @staticmethod
    def backward(ctx, first, second):
        x, w = ctx.saved_tensors
        return first * w + second, 3 * first * x + second


class DoubledLayer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))

    def forward(self, x, scale=1.0):
        return Doubled.apply(x) * self.weight * scale


def by_name(x, *, power):
    return Doubled.apply(x) ** power


def of_dict(arrays):
    return Doubled.apply(arrays["x"]) * arrays["w"]


def detached(x):
    return x.sin() + (x * x).detach()


CASES = {
    "autograd.Function": (Doubled, (X,), {}),
    "its apply": (Doubled.apply, (X,), {}),
    "several inputs and outputs": (TwoOutputs, (X, X + 1), {}),
    "0-d": (Doubled, (X[0, 0],), {}),
    "a keyword": (by_name, (X.abs() + 1,), {"power": 2}),
    "a dict": (of_dict, ({"x": X, "w": X + 1},), {}),
    "complex": (Doubled, (X + 1j * X.flip(0),), {}),
    "a part without a gradient": (detached, (X,), {}),
    "a module": (DoubledLayer(), (X,), {}),
    "a module with a keyword": (DoubledLayer(), (X,), {"scale": 2.0}),
}


MOST_LINES = 8


def function_lines(function):
    """How long the source of a function is, which stands for the one line of an import where there is none."""
    return len(inspect.getsource(function).splitlines()) if inspect.isfunction(function) else 0


def run(failure, filled):
    """What the code of a failure prints, by the word in front of it."""
    printed = {}
    exec(failure.code, {**filled, "print": lambda word, value=None: printed.setdefault(str(word).strip(), value)})
    return {word: float(value) for word, value in printed.items() if value is not None}


@pytest.mark.parametrize("name", CASES)
def test_the_code_to_reproduce_runs_and_shows_the_mistake(name):
    function, inputs, keywords = CASES[name]
    report = fg.check(function, *inputs, budget=400, **keywords)
    failure = next(one for one in report.failures if one.kind == "value")
    missing = "# fill in: function" in failure.code
    assert missing == isinstance(function, torch.nn.Module), failure.code
    assert len(failure.code.splitlines()) <= MOST_LINES + function_lines(function)
    filled = {"function": function.double() if missing else None}
    shown = run(failure, filled)
    assert shown["backward"] == pytest.approx(failure.analytic, rel=1e-9, abs=1e-12)
    if np.isfinite(failure.numeric) and "numeric" in shown:
        assert shown["numeric"] == pytest.approx(failure.numeric, rel=1e-3, abs=1e-9)
        assert shown["numeric"] != pytest.approx(shown["backward"], rel=1e-3)


def test_the_words_are_those_of_the_framework():
    text = str(fg.check(DoubledLayer(), X, budget=400))
    assert "backward" in text
    assert "test case: " in text
    assert "to reproduce:" in text
    assert not {"bprop", "fprop"} & set(text.replace("(", " ").split())


def test_a_layer_of_torch_is_written_out():
    from flowgraph.checking.frameworks.check_framework import module_lines

    assert module_lines(torch.nn.Linear(2, 3)) == [
        "import torch",
        "function = torch.nn.Linear(in_features=2, out_features=3, bias=True).double()",
    ]
    assert module_lines(torch.nn.Sequential(torch.nn.Linear(2, 3)))[0].startswith(
        "# fill in: function = your Sequential"
    )
