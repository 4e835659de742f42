"""flowgraph check: what it finds by name, what it prints, its exit codes."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import flowgraph as fg
from flowgraph.cli import check as command
from flowgraph.cli import main

SOURCE = '''
import functools
from pathlib import Path

import numpy as np
import flowgraph as fg


class Right(fg.Elementwise):
    """Twice."""

    def fprop(self, a):
        return 2.0 * a

    def bprop(self, grad, h, a):
        return (2.0 * grad,)


class Wrong(fg.Elementwise):
    """Thrice."""

    def fprop(self, a):
        return 3.0 * a

    def bprop(self, grad, h, a):
        return (grad,)


x = fg.Input("x", shape=("N", 3))
y = fg.Input("y", shape=("N",), dtype=int)
W = fg.Parameter(np.random.default_rng(0).normal(size=(3, 4)), name="W")
graph = fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(x @ W, y)))
bad = fg.Graph(fg.sum(Wrong(x @ W)))
box = Right(x)
number = 3
shifted = fg.Graph(fg.sum(W[y - 7]))


def build():
    return graph


def square(x):
    return x * x


def with_example():
    return np.tanh, np.array([0.5, -1.0])


example = (square, np.array([0.5, 2.0]))
pair = functools.partial(fg.check, square, np.array([0.5, 2.0]), bprop=lambda grad, y, x: (3 * grad * x,), order=1)


def loss(a):
    return a
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A module of a name of its own, in the current directory."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "boxes_to_check.py").write_text(SOURCE)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("boxes_to_check", "kept"))]:
        del sys.modules[name]


def run(*arguments):
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


def test_a_right_box_passes(here):
    result = run("boxes_to_check:Right")
    assert result.exit_code == 0, result.output
    assert "Right: PASS" in result.output
    assert "seed=0" in result.output


def test_a_wrong_box_fails_with_the_report(here):
    result = run("boxes_to_check.py:Wrong", "--seed", 7)
    assert result.exit_code == 1
    assert "Wrong: FAIL" in result.output
    assert "gradient of a" in result.output
    assert "seed=7" in result.output


def test_a_graph_and_a_function_that_builds_it(here):
    result = run("boxes_to_check:graph", "boxes_to_check:build", "boxes_to_check:box")
    assert result.exit_code == 0, result.output
    assert result.output.endswith("boxes_to_check:box: PASS\n3 pass\n")
    bad = run(here / "boxes_to_check.py:bad")
    assert bad.exit_code == 1
    assert "Wrong" in bad.output


def test_a_file_alone_means_every_box_of_it(here):
    result = run("boxes_to_check.py")
    assert result.exit_code == 1
    assert "boxes_to_check.py:Right: PASS" in result.output
    assert "Wrong: FAIL" in result.output
    assert "boxes_to_check.py:example: PASS" in result.output
    assert "square: FAIL" in result.output
    assert result.output.endswith("2 pass, 2 fail\n")


def test_a_file_in_a_package_is_imported_under_its_full_name(here):
    package = here / "kept"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "factor.py").write_text("FACTOR = 2.0\n")
    source = SOURCE.replace("import flowgraph as fg", "import flowgraph as fg\nfrom .factor import FACTOR")
    (package / "boxes.py").write_text(source.replace("(2.0 * grad,)", "(FACTOR * grad,)"))
    assert run("kept/boxes.py:Right").exit_code == 0
    assert sys.modules["kept.boxes"].Right.__module__ == "kept.boxes"
    assert run("kept.boxes:Right").exit_code == 0


def test_json(here):
    result = run("boxes_to_check:Wrong", "--json", "--order", 2)
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (found["verdict"], found["seed"]) == ("fail", 0)
    (report,) = found["reports"]
    assert (report["target"], report["verdict"], report["passed"]) == ("boxes_to_check:Wrong", "fail", False)
    assert report["failures"][0]["child"] == "a"


@pytest.mark.parametrize(("verdicts", "code"), [(("pass", "undecided"), 2), (("undecided", "fail"), 1), (("pass",), 0)])
def test_the_exit_code_is_that_of_the_worst_verdict(here, monkeypatch, verdicts, code):
    plain = fg.check(fg.Tanh, budget=500)
    left = list(verdicts)

    def found(thing, **settings):
        return type(plain)(**{**vars(plain), "verdict": left.pop(0)})

    monkeypatch.setattr(command, "check_gradients", found)
    assert run(*["boxes_to_check:Right"] * len(verdicts)).exit_code == code


def test_the_inputs_of_a_graph_can_be_given(here):
    result = run("boxes_to_check:shifted")
    assert result.exit_code == 3
    assert "the graph did not run on numbers drawn for y" in result.output
    assert "--feeds inputs.npz" in result.output
    np.savez("inputs.npz", y=np.array([7, 8, 8]))
    assert run("boxes_to_check:shifted", "--feeds", "inputs.npz").exit_code == 0
    np.savez("more.npz", y=np.array([7]), z=np.array([7]))
    assert "the graph has no input 'z'; it has y" in run("boxes_to_check:shifted", "--feeds", "more.npz").output


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("no_such_module:Box", "found no module 'no_such_module'"),
        ("nowhere.py:Box", "nowhere.py: there is no such file in"),
        (
            "boxes_to_check:Wring",
            "has no 'Wring'; its targets are Right, Wrong, graph, bad, box, shifted, example, pair",
        ),
        (
            "boxes_to_check:number",
            "boxes_to_check:number is a int, needs a box class, a box, a graph, a tuple of a function",
        ),
        ("boxes_to_check:Path", "boxes_to_check:Path is a type, needs a box class"),
        ("boxes_to_check:loss", "is a function of a, and the command line has no values for them"),
        ("json", "json: defines no box class and no example"),
    ],
)
def test_what_cannot_be_checked_is_said(here, target, text):
    result = run(target)
    assert result.exit_code == 3
    assert text in result.output


def test_a_module_that_cannot_be_imported_is_no_wrong_gradient(here):
    (here / "kept_broken.py").write_text("import flowgraph\nraise RuntimeError('not today')\n")
    result = run("kept_broken:Box")
    assert result.exit_code == 3
    assert "RuntimeError: not today" in result.output
    assert "kept_broken.py" in result.output


TORCH = """
import torch


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, grad):
        return grad


class Layer(torch.nn.Linear):
    pass


layer = (torch.nn.Linear(2, 3), torch.ones(4, 2))
unexampled = torch.nn.Linear(2, 3)
doubled = (Doubled, torch.tensor([[0.5, -1.0]]))
"""


def test_functions_with_their_arguments(here):
    assert run("boxes_to_check:example", "boxes_to_check:with_example").exit_code == 0
    np.savez("arguments.npz", x=np.array([0.5, 2.0]))
    result = run("boxes_to_check:square", "--feeds", "arguments.npz")
    assert result.exit_code == 0, result.output
    assert "square: PASS" in result.output
    np.savez("other.npz", z=np.array([0.5, 2.0]))
    result = run("boxes_to_check:square", "--feeds", "other.npz")
    assert result.exit_code == 3
    assert "square has no argument 'z'; it has x" in result.output


def test_modules_and_autograd_functions(here):
    pytest.importorskip("torch", reason="torch is not installed")
    (here / "kept_torch.py").write_text(TORCH)
    assert run("kept_torch:layer").exit_code == 0
    result = run("kept_torch:doubled")
    assert result.exit_code == 1
    assert "backward" in result.output
    np.savez("arguments.npz", x=np.array([0.5, 2.0]))
    assert run("kept_torch:Doubled", "--feeds", "arguments.npz").exit_code == 1
    np.savez("arguments.npz", input=np.ones((4, 2)))
    assert run("kept_torch:unexampled", "--feeds", "arguments.npz").exit_code == 0


def test_a_pair_of_numpy_functions_is_a_partial_call(here):
    result = run("boxes_to_check:pair", "--format", "github")
    assert result.exit_code == 1
    assert "2 / 3 times" in result.output or "gradient of x" in result.output
    assert "::error file=boxes_to_check.py,line=" in result.output


JAX = """
import jax
import jax.numpy as jnp


@jax.custom_vjp
def cube(x):
    return x**3


cube.defvjp(lambda x: (x**3, x), lambda x, grad: (2 * x**2 * grad,))
tanh = (jnp.tanh, jnp.array([0.5, -1.0]))
cubes = (cube, jnp.array([0.5, -1.0]))
compiled = (jax.jit(cube), jnp.array([0.5, -1.0]))
"""


def test_functions_of_jax(here):
    pytest.importorskip("jax", reason="jax is not installed")
    (here / "kept_jax.py").write_text(JAX)
    assert run("kept_jax:tanh").exit_code == 0
    result = run("kept_jax:cubes", "--json")
    assert result.exit_code == 1
    (report,) = json.loads(result.stdout)["reports"]
    assert report["failures"][0]["backward"] == "vjp"
    for name in ("cubes", "compiled"):
        annotated = run(f"kept_jax:{name}", "--format", "github")
        assert f"::error file=kept_jax.py,line={JAX.splitlines().index('@jax.custom_vjp') + 1}," in annotated.output
    both = run("kept_jax.py")
    assert both.exit_code == 1
    assert both.output.endswith("1 pass, 2 fail\n")


@pytest.mark.parametrize("name", ["unexampled", "Doubled"])
def test_what_needs_arguments_is_told_how_to_give_them(here, name):
    pytest.importorskip("torch", reason="torch is not installed")
    (here / "kept_torch.py").write_text(TORCH)
    result = run(f"kept_torch:{name}")
    assert result.exit_code == 3
    assert "the command line has no values for them; give them with --feeds arguments.npz" in result.output


def test_an_extra_that_the_checked_module_lacks_is_no_wrong_gradient(here):
    (here / "kept_extra.py").write_text("import no_such_framework\n")
    result = run("kept_extra:example", "--json")
    assert result.exit_code == 3
    assert "no_such_framework" in json.loads(result.stdout)["error"]


@pytest.mark.parametrize("targets", [["no_such_module:Box"], ["boxes_to_check:Right", "boxes_to_check:loss"], ["json"]])
def test_json_is_whole_where_the_check_could_not_be_made(here, targets):
    result = run(*targets, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 3
    assert found["verdict"] == "error"
    assert found["error"].startswith("Error: ")


def test_annotations_of_a_github_workflow(here):
    result = run("boxes_to_check:Wrong", "boxes_to_check:Right", "--format", "github")
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if line.startswith("::")]
    number = SOURCE.splitlines().index("class Wrong(fg.Elementwise):") + 1
    assert line.startswith(f"::error file=boxes_to_check.py,line={number},title=Wrong: gradient fail::Wrong, gradient")
    missing = run("no_such_module:Box", "--format", "github")
    assert missing.output.splitlines()[-1].startswith("::error title=flowgraph check could not be made::")


def test_a_missing_extra_is_no_wrong_gradient():
    code = "import sys; sys.modules['click'] = None; import runpy; runpy.run_module('flowgraph', run_name='__main__')"
    result = subprocess.run([sys.executable, "-c", code, "check", "x"], capture_output=True, text=True, check=False)
    assert result.returncode == 3
    assert "the command line needs click" in result.stderr
