"""Backward passes that flowgraph mutate breaks beside bprop: those of PyTorch, JAX, autograd and plain NumPy code."""

import ast
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from flowgraph.mutation import mutants_of
from flowgraph.mutation.mutants import backwards_of

TORCH = """
class Square(torch.autograd.Function):
    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 2 * x * grad_output


class Both(torch.autograd.Function):
    @staticmethod
    def backward(ctx, first, second):
        return first + second, None
"""
JAX = """
@jax.custom_vjp
def square(x):
    return x * x


def forward(x):
    return x * x, x


def pulled(x, tangent):
    return (2 * x * tangent,)


square.defvjp(forward, pulled)
cube.defvjp(forward, lambda x, g: (3 * x * x * g,))


def norm_bwd(kept, out):
    return (kept * out,)
"""
AUTOGRAD = """
defvjp(square, lambda ans, x: lambda g: 2 * g * x)
defvjp(product, lambda ans, x, y: lambda g: g * y, lambda ans, x, y: lambda g: g * x)


def power_vjp(ans, x):
    return lambda g: 3 * g * x**2
"""
NUMPY = """
import numpy as np


class Affine:
    def backward(self, dout):
        return dout @ self.w.T


def affine_forward(x, w):
    return x @ w, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout


def scale_backward(dout, cache):
    return dout * cache
"""
FOUND = {
    "torch": (TORCH, {"Square.backward": {"grad_output"}, "Both.backward": {"first", "second"}}),
    "jax": (JAX, {"square.defvjp": {"tangent"}, "cube.defvjp": {"g"}, "norm_bwd": {"out"}}),
    "autograd": (AUTOGRAD, {"square.defvjp": {"g"}, "product.defvjp": {"g"}, "power_vjp": {"g"}}),
    "numpy": (NUMPY, {"Affine.backward": {"dout"}, "affine_backward": {"dout"}, "scale_backward": {"dout"}}),
}


@pytest.mark.parametrize("kind", FOUND)
def test_backward_passes_are_found_with_their_incoming_gradients(kind):
    source, expected = FOUND[kind]
    found = {one.name: set(one.gradients) for one in backwards_of(ast.parse(source))}
    assert found == expected


HELPED = """
import numpy as np


def columns(x):
    return x.T


def squash(x):
    return np.tanh(x)


def slope(x):
    return 1 - squash(x) ** 2


def through(g, x):
    return spread(g * 2, x.shape) * slope(x)


def spread(g, shape, times=1):
    return np.broadcast_to(g, shape) if times else spread(g, shape, times + 1)


def reported(text):
    return len(text) + 1


def f_forward(x):
    return squash(x)


def f_backward(dout, x):
    return through(dout, columns(columns(x)))


class Layer:
    def forward(self, x):
        return self.scale(x)

    def backward(self, grad):
        return self.scale(self.undo(grad=grad))

    def scale(self, x):
        return 3 * x

    def undo(self, grad):
        return grad + 0


reported("a module")
"""


def test_what_backward_passes_alone_call_is_broken_too():
    found = {one.name: set(one.gradients) for one in backwards_of(ast.parse(HELPED))}
    assert found.pop("f_backward") == {"dout"}
    assert found.pop("Layer.backward") == {"grad"}
    assert found == {"columns": set(), "slope": set(), "through": {"g"}, "spread": {"g"}, "Layer.undo": {"grad"}}


def test_mutants_of_helpers_change_no_forward_pass(tmp_path):
    file = tmp_path / "source.py"
    file.write_text(HELPED)
    x = np.linspace(-1, 2, 6).reshape(2, 3)

    def of(source):
        names = {}
        exec(source, names)
        return names["f_forward"](x), names["Layer"]().forward(x)

    right, broken = of(HELPED), {mutant.backward: mutant for mutant in mutants_of(file)}
    assert {"slope", "through", "spread", "Layer.undo"} <= broken.keys()
    for mutant in mutants_of(file):
        assert all(np.array_equal(a, b) for a, b in zip(of(mutant.source), right, strict=True))


@pytest.mark.parametrize("kind", FOUND)
def test_each_is_broken_in_its_sign_and_its_incoming_gradient(kind, tmp_path):
    source, expected = FOUND[kind]
    file = tmp_path / "source.py"
    file.write_text(source)
    kinds = {}
    for mutant in mutants_of(file):
        kinds.setdefault(mutant.backward, set()).add(mutant.kind)
    assert kinds.keys() == expected.keys()
    assert all({"sign", "factor", "dropped incoming gradient"} <= found for found in kinds.values())


def test_both_vjps_of_a_primitive_are_broken(tmp_path):
    file = tmp_path / "source.py"
    file.write_text(AUTOGRAD)
    lines = [mutant.diff for mutant in mutants_of(file) if mutant.backward == "product.defvjp"]
    assert any("g * -y" in text or "-(g * y)" in text or "- (g * y)" in text for text in lines)
    assert any("- (g * x)" in text or "-(g * x)" in text for text in lines)


def test_mutants_of_plain_functions_run_and_give_other_numbers(tmp_path):
    file = tmp_path / "source.py"
    file.write_text(NUMPY)
    rng = np.random.default_rng(0)
    x, w, dout = rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))

    def results(source):
        space = {}
        exec(compile(source, "source.py", "exec"), space)
        layer = space["Affine"]()
        layer.w = w
        both = space["affine_backward"](dout, (x, w))
        return np.concatenate([layer.backward(dout), *both, space["scale_backward"](dout, x)])

    right = results(NUMPY)
    mutants = mutants_of(file)
    assert len(mutants) > 10
    assert all(not np.allclose(results(mutant.source), right) for mutant in mutants)


SLOW_AFTER_TWO = """
import os, time
from pathlib import Path
import layers
if layers.scale_backward(3.0, 2.0) != 6.0:
    tried = Path("tried")
    count = int(tried.read_text()) if tried.exists() else 0
    tried.write_text(str(count + 1))
    if count >= 2:
        Path("running").touch()
        time.sleep(600)
    raise SystemExit(1)
"""


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="the request to end is sent as a signal")
@pytest.mark.parametrize("as_json", [False, True])
def test_an_interrupted_run_says_what_it_has_found(tmp_path, as_json):
    (tmp_path / "layers.py").write_text("def scale_backward(dout, cache):\n    return dout * cache\n")
    (tmp_path / "slow.py").write_text(SLOW_AFTER_TWO)
    arguments = [sys.executable, "-m", "flowgraph", "mutate", "layers.py", *(["--json"] if as_json else [])]
    process = subprocess.Popen(
        [*arguments, "--timeout", "50", "--", sys.executable, "slow.py"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent.parent), str(tmp_path)])},
    )  # fmt: skip
    deadline = time.time() + 600
    while not (tmp_path / "running").exists() and time.time() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 130
    if as_json:
        found = json.loads(output)
        assert (found["interrupted"], found["killed"]) == (True, 2)
    else:
        assert output.startswith("2 of ")
        assert "2 killed" in output
