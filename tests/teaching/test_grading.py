"""Right answers pass, typical wrong ones are told what they are, and solutions agree with PyTorch."""

import re

import numpy as np
import pytest
import torch

import flowgraph as fg
from flowgraph import teaching
from flowgraph.teaching import Exercise

SUM = "a sum over the batch is missing"
TRANSPOSE = "a transpose is missing"
SIGN = "the sign is wrong"
VARIABLE = "wrong variable"

TORCH = {
    "affine": lambda x, W, b: torch.nn.functional.linear(x, W.T, b),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "ReLU": torch.relu,
    "softmax cross-entropy": lambda a, y: torch.nn.functional.cross_entropy(a, y, reduction="none"),
    "L2": lambda W: torch.sum(torch.square(W)),
}

WRONG = {
    "affine, no transpose of W": ("affine", lambda g, a, x, W, b: (g @ W, x.T @ g, g.sum(0)), TRANSPOSE),
    "affine, no transpose of x": ("affine", lambda g, a, x, W, b: (g @ W.T, g.T @ x, g.sum(0)), TRANSPOSE),
    "affine, no sum": ("affine", lambda g, a, x, W, b: (g @ W.T, x.T @ g, g), SUM),
    "affine, sign of b": ("affine", lambda g, a, x, W, b: (g @ W.T, x.T @ g, -g.sum(0)), "gradient of b: " + SIGN),
    "affine, two of three": ("affine", lambda g, a, x, W, b: (g @ W.T, x.T @ g), "one for each input"),
    "affine, axis": ("affine", lambda g, a, x, W, b: (g @ W.T, x.T @ g, g.sum(0, keepdims=True)), "is left over"),
    "affine, total": ("affine", lambda g, a, x, W, b: (g @ W.T, x.T @ g, g.sum()), "a sum is too many"),
    "tanh, half": ("tanh", lambda g, h, a: (g * (1 - h * h) / 2,), "it should be 2 times as large"),
    "tanh, text": ("tanh", lambda g, h, a: "no", "bprop returned str"),
    "tanh, error": ("tanh", lambda g, h, a: g[7], "bprop stops with IndexError"),
    "tanh, in place": ("tanh", lambda g, h, a: (np.multiply(g, 1 - h * h, out=g),), "in place"),
    "tanh, nothing": ("tanh", lambda g, h, a: (None,), "does not depend on a"),
    "ReLU, variable": ("ReLU", lambda g, h, a: (g * (g > 0),), VARIABLE),
    "softmax cross-entropy, sum": ("softmax cross-entropy", lambda g, l, a, y: (g.sum() * a[0], None), "its shape is"),
    "softmax cross-entropy, axis": ("softmax cross-entropy", lambda g, l, a, y: (g * a, None), "is an axis missing"),
    "L2, sum": ("L2", lambda g, o, W: (g * 2 * W.sum(),), "a sum is too many"),
    "L2, transposed": ("L2", lambda g, o, W: (2 * g * W.T,), TRANSPOSE),
    "tanh, no return": ("tanh", lambda g, h, a: None, "return is missing"),
    "tanh, nearly": ("tanh", lambda g, h, a: (g * (1 - h * h) * (1 + 3e-6),), "bprop says "),
    "L2, unknown": ("L2", lambda g, o, W: (g * 3 * np.tanh(W),), "finite differences say"),
}  # fmt: skip


@pytest.mark.parametrize("name", teaching.names())
def test_a_solution_is_right(name):
    found = teaching.grade(Exercise.known[name].solution, exercise=name)
    assert found, found
    assert "agrees with finite differences" in str(found)


@pytest.mark.parametrize("name", teaching.names())
def test_a_solution_is_what_torch_computes(name):
    task = Exercise.known[name]
    example = task.example(np.random.default_rng(5))
    tensors = [torch.tensor(one, requires_grad=one.dtype.kind == "f") for one in example]
    output = TORCH[name](*tensors)
    value = task.fprop(*example)
    np.testing.assert_allclose(value, output.detach().numpy(), rtol=1e-12)
    grad = np.random.default_rng(6).normal(size=np.shape(value))
    output.backward(torch.tensor(grad))
    for tensor, ours in zip(tensors, task.solution(grad, value, *example), strict=True):
        if tensor.requires_grad:
            np.testing.assert_allclose(ours, tensor.grad.numpy(), rtol=1e-12, atol=1e-14)
        else:
            assert ours is None


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_is_told_what_it_is(case):
    name, bprop, words = WRONG[case]
    found = teaching.grade(bprop, exercise=name)
    assert not found
    assert words in str(found)


@pytest.mark.parametrize("factor", [1 + 10.0**-k for k in range(1, 8)])
def test_the_two_numbers_that_are_printed_differ(factor):
    found = str(teaching.grade(lambda g, h, a: (factor * g * (1 - h * h),), exercise="tanh"))
    numbers = re.search(r"bprop says (\S+), finite differences say (\S+)", found)
    assert numbers is not None, found
    assert numbers[1] != numbers[2]


@pytest.mark.parametrize("factor", [1 + 10.0**-k for k in range(1, 5)])
def test_the_two_values_that_are_printed_differ(factor):
    class NearlyTanh(fg.Elementwise):
        def fprop(self, a):
            return factor * np.tanh(a)

        def bprop(self, grad, h, a):
            return (factor * grad * (1 - np.tanh(a) ** 2),)

    found = str(teaching.grade(NearlyTanh, exercise="tanh"))
    numbers = re.search(r"fprop gives (\S+) at element .*; (\S+) is right", found)
    assert numbers is not None, found
    assert numbers[1] != numbers[2]


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name in teaching.names() for n in range(len(Exercise.known[name].mistakes()))]
)
def test_a_known_mistake_fails_and_is_known_by_its_numbers(name, number):
    mistake = Exercise.known[name].mistakes()[number]
    found = teaching.grade(mistake.bprop, exercise=name)
    assert not found
    assert mistake.hint in str(found)


def test_a_box_class_is_graded_with_its_own_fprop():
    class RightTanh(fg.Elementwise):
        def fprop(self, a):
            return np.tanh(a)

        def bprop(self, grad, h, a):
            return (grad * (1 - h * h),)

    class WrongValue(fg.Elementwise):
        def fprop(self, a):
            return 2 * np.tanh(a)

        def bprop(self, grad, h, a):
            return (2 * grad * (1 - (h / 2) ** 2),)

    class WrongShape(fg.Box):
        def fprop(self, a):
            return np.tanh(a).sum(axis=0)

        def bprop(self, grad, h, a):
            return (grad * (1 - np.tanh(a) ** 2),)

    assert teaching.grade(RightTanh, exercise="tanh").passed
    assert "fprop gives a value of shape (3,)" in str(teaching.grade(WrongShape, exercise="tanh"))
    assert "fprop gives" in str(teaching.grade(WrongValue, exercise="tanh"))


def test_an_exercise_shows_its_task_and_not_its_solution():
    shown = str(teaching.exercise("tanh"))
    assert "write bprop" in shown
    assert "return" not in shown
    assert "return" in teaching.solution("tanh")


@pytest.mark.parametrize("name", teaching.names())
def test_the_text_of_a_solution_is_its_code(name):
    names = {"np": np, "Any": object}
    exec(teaching.solution(name), names)
    task = Exercise.known[name]
    example = task.example(np.random.default_rng(1))
    value = task.fprop(*example)
    shown, right = (one(np.ones_like(value), value, *example) for one in (names["solution"], task.solution))
    assert all(np.array_equal(a, b) for a, b in zip(shown, right, strict=True) if b is not None)


def test_what_cannot_be_graded_is_refused():
    class OnlyForward(fg.Elementwise):
        def fprop(self, a):
            return np.tanh(a)

    with pytest.raises(fg.FlowgraphError, match="OnlyForward"):
        teaching.grade(OnlyForward, exercise="tanh")
    with pytest.raises(fg.FlowgraphError, match="did you mean 'tanh'"):
        teaching.grade(np.tanh, exercise="tahn")
    with pytest.raises(fg.FlowgraphError, match="found int, needs a function"):
        teaching.grade(3, exercise="tanh")
    with pytest.raises(fg.FlowgraphError, match="found dict, needs a function"):
        teaching.grade(dict, exercise="tanh")
