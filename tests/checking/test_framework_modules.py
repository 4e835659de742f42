"""Modules: the inputs that are given and the parameters that require a gradient are checked, frozen ones never."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.frameworks.check_framework import framework_target

torch = pytest.importorskip("torch", reason="torch is not installed")

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and measuring takes long
nn = torch.nn
torch.set_num_threads(1)
ROOT = Path(__file__).parent.parent.parent
X = torch.tensor(np.random.default_rng(0).normal(size=(3, 2)), dtype=torch.float32)


@pytest.fixture(autouse=True)
def same_weights():
    """The weights of a module are the same whichever tests ran before."""
    torch.manual_seed(0)


class WrongCube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad):
        return -7 * grad * ctx.saved_tensors[0]


class WrongByInput(nn.Module):
    """Wrong for what comes in, right for its parameter."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x):
        return WrongCube.apply(x) * self.weight


class WrongByParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, 2.0]))

    def forward(self, x):
        return x * WrongCube.apply(self.weight)


def failing(report):
    return {failure.child for failure in report.failures}


def test_the_plain_input_of_a_module_is_checked():
    assert failing(fg.check(WrongByInput(), X, budget=1500)) == {"x"}


def test_parameters_are_checked_beside_the_input():
    assert failing(fg.check(WrongByParameter(), X, budget=1500)) == {"weight"}


def test_frozen_parameters_are_not_differentiated():
    module = WrongByParameter()
    module.weight.requires_grad_(False)
    assert framework_target(module, (X,)).names == ("x",)
    assert fg.check(module, X, budget=1500).passed


def looked_at(module, *inputs):
    return str(fg.check(module, *inputs, budget=200)).splitlines()[1].strip()


def test_a_report_tells_parameters_from_inputs_and_names_what_is_frozen():
    indices, linear = torch.tensor([0, 2, 1]), nn.Linear(2, 3)
    told = looked_at(nn.Embedding(4, 2), indices)
    assert told == "checked: weight (parameters); not differentiated: input"
    assert looked_at(linear, X) == "checked: input, weight, bias (inputs and parameters)"
    linear.bias.requires_grad_(False)
    told = looked_at(linear, X)
    assert told == "checked: input, weight (inputs and parameters); not differentiated: bias"
    assert looked_at(nn.Tanh(), X) == "checked: input"


class OfPositiveCount(torch.autograd.Function):
    """Right for counts of the sign that the example has; it raises for others."""

    @staticmethod
    def forward(ctx, x, count):
        ctx.count = count
        return count * x

    @staticmethod
    def backward(ctx, grad):
        if ctx.count < 0:
            raise RuntimeError("a negative count")
        return ctx.count * grad, None


def test_what_backward_refuses_beyond_the_example_is_a_note_in_the_words_of_torch():
    report = fg.check(OfPositiveCount, X, 2, budget=2000)
    assert report.passed, str(report)
    assert any("backward does not (RuntimeError)" in note for note in report.notes), str(report)
    assert "notes: backward beyond the example" in str(report)
    assert "bprop" not in str(report)
    assert fg.check(OfPositiveCount, X, 2, budget=2000, strict=True).verdict == "fail"
    assert not fg.check(OfPositiveCount, X, 2, budget=2000, fixed="settings").notes


class OfOneOrTwo(OfPositiveCount):
    @staticmethod
    def forward(ctx, x, count: Literal[1, 2]):
        ctx.count = count
        return count * x

    @staticmethod
    def backward(ctx, grad):
        return ctx.count * grad if ctx.count in (1, 2) else grad, None


def test_annotations_of_forward_are_the_contract_of_its_settings():
    assert fg.check(OfOneOrTwo, X, 2, budget=2000, strict=True).passed


class Classifier(nn.Module):
    """As many classes as the example has rows."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, len(X))

    def forward(self, x, labels):
        rows.add(len(x))
        return nn.functional.cross_entropy(self.linear(x), labels)


rows = set()


def test_a_size_that_happens_to_be_that_of_a_layer_does_not_tie_the_batch():
    rows.clear()
    report = fg.check(Classifier(), X, torch.tensor([0, 2, 1]), budget=3000)
    assert report.passed, str(report)
    assert len(rows) > 1


def test_an_input_that_requires_a_gradient_is_asked_for_alone_among_the_inputs():
    bilinear = nn.Bilinear(2, 2, 2)
    target = framework_target(bilinear, (X.clone().requires_grad_(), X))
    assert [target.names[i] for i in target.differentiated] == ["input1", "weight", "bias"]


def test_parameters_keep_their_shapes_whatever_the_input_has():
    seen = set()

    class Watched(nn.Linear):
        def forward(self, x):
            seen.add((tuple(self.weight.shape), x.shape[0]))
            return super().forward(x)

    assert fg.check(Watched(2, 3), X, budget=2000).passed
    assert {shape for shape, _ in seen} == {(3, 2)}
    assert len({rows for _, rows in seen}) > 1


def test_what_runs_the_forward_pass_again_in_the_backward_pass_finds_its_own_parameters():
    from torch.utils.checkpoint import checkpoint

    class Checkpointed(nn.Module):
        def __init__(self, reentrant):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
            self.reentrant = reentrant

        def forward(self, x):
            return checkpoint(self.inner, x, use_reentrant=self.reentrant)

    for reentrant in (False, True):
        report = fg.check(Checkpointed(reentrant), X, budget=1500)
        assert report.verdict != "fail", report


class Reversible(nn.Module):
    """y₁ = x₁ + f(x₂), y₂ = x₂ + g(y₁): keeps no activation, and adds the gradients of f and g to `.grad` itself."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.f, self.g = (nn.Sequential(nn.Linear(2, 2), nn.Tanh()) for _ in range(2))
        self.scale = scale

    def forward(self, x):
        return Coupling.apply(x, self)


class Coupling(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, layers):
        one, two = x.chunk(2, dim=-1)
        one = one + layers.f(two)
        two = two + layers.g(one)
        ctx.layers, ctx.kept = layers, [torch.cat([one, two], dim=-1)]
        return ctx.kept[0].clone()

    @staticmethod
    def backward(ctx, grad):
        layers, y = ctx.layers, ctx.kept.pop()  # freed, as such layers do: a run goes back once
        with torch.enable_grad():
            one, two = (part.detach().requires_grad_() for part in y.chunk(2, dim=-1))
            of_g = layers.g(one)
            two = (two - of_g).detach().requires_grad_()
            of_f = layers.f(two)
        by_one, by_two = grad.chunk(2, dim=-1)
        held_g, held_f = ([p for p in part.parameters() if p.requires_grad] for part in (layers.g, layers.f))
        more, *of_g = torch.autograd.grad(of_g, [one, *held_g], by_two)
        by_one = by_one + more
        more, *of_f = torch.autograd.grad(of_f, [two, *held_f], by_one)
        for parameter, slope in zip([*held_g, *held_f], [*of_g, *of_f], strict=True):
            slope = slope * layers.scale
            parameter.grad = slope if parameter.grad is None else parameter.grad + slope
        return torch.cat([by_one, by_two + more], dim=-1), None


@pytest.mark.parametrize(("scale", "verdict"), [(1.0, "pass"), (1.1, "fail")])
def test_what_a_backward_adds_to_grad_itself_is_part_of_the_gradient(scale, verdict):
    torch.manual_seed(0)
    report = fg.check(Reversible(scale), torch.randn(3, 4))
    assert report.verdict == verdict, str(report)
    assert "f.0.weight" in report.checked
    assert fg.check(nn.Sequential(nn.Linear(4, 4), Reversible(scale)), torch.randn(3, 4)).verdict == verdict


def test_nothing_of_the_module_is_changed():
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert fg.check(module, X, budget=4000).verdict == "pass"
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.dtype == torch.float32 and p.grad is None for p in module.parameters())


def test_shared_parametrized_and_computed_parameters():
    tied = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2))
    tied[2].weight = tied[0].weight
    assert framework_target(tied, (X,)).names == ("input", "0.weight", "0.bias", "2.bias")
    assert fg.check(tied, X, budget=1500).passed
    parametrized = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    assert fg.check(parametrized, X, budget=1500).passed


class OfPlainTensors(nn.Module):
    """Keeps a float32 tensor as a plain attribute, and a complex parameter."""

    def __init__(self):
        super().__init__()
        self.scale = torch.tensor([0.5, 2.0])
        self.weight = nn.Parameter(torch.tensor([1 + 2j, 0.5j]))

    def forward(self, x):
        return (x * self.scale * self.weight).abs()


def test_plain_tensors_and_complex_parameters():
    target = framework_target(OfPlainTensors(), (X,))
    assert target.names == ("x", "weight.real", "weight.imag")
    assert fg.check(OfPlainTensors(), X, budget=1500).passed


def test_a_module_that_cannot_be_copied_is_said():
    module = nn.Linear(2, 2)
    module.lock = __import__("threading").Lock()
    with pytest.raises(TypeError, match="Linear cannot be copied"):
        fg.check(module, X)


@pytest.fixture(scope="module")
def verdicts():
    """Of the modules of torch.nn whose turn it is."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.checking.torch_modules"]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, timeout=1200, check=True).stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each module is checked in a forked process")
def test_every_module_of_torch_passes_or_is_said_to_be_left_out(verdicts):
    from .torch_modules import missing

    assert not missing()
    assert len(verdicts) >= 10
    wrong = {name: text for name, text in verdicts.items() if not text.startswith("pass") and name not in KNOWN}
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())
    whole = [name for name, text in verdicts.items() if text == "pass"]
    assert len(whole) > 0.7 * len(verdicts), "too many have only their example checked in the time"


KNOWN = {
    "Hardsigmoid": "its backward has 1/6 in float32, so that a gradient in float64 has seven digits",
    "CTCLoss": "its backward is that by the scores beneath a log_softmax, not by the log probabilities",
    "MaxUnpool2d": "its backward raises where the input is not contiguous",
    "MaxUnpool3d": "its backward raises where the input is not contiguous",
    "CrossMapLRN2d": "its backward is another one than that of its forward pass",
    "NLLLoss2d": "its backward raises where the sizes of scores and labels differ",
}
