"""Releases of other libraries: what differs between them stands in flowgraph/peers.py, and nowhere else."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import flowgraph
from flowgraph import peers
from flowgraph.errors import optional
from flowgraph.peers import NAMES, existing

HOME = Path(flowgraph.__file__).parent
PEERS = {
    "np",
    "numpy",
    "scipy",
    "jax",
    "jnp",
    "torch",
    "sklearn",
    "onnx",
    "numba",
    "optuna",
    "hypothesis",
    "matplotlib",
}


def asks_for_a_release(node):
    """Whether code asks whether a library has a name, or which version it is, and goes another way then."""
    if isinstance(node, ast.Attribute) and node.attr in ("__version__", "NumpyVersion"):
        return root_of(node.value) in PEERS
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) > 1):
        return False
    asked = node.func.id == "hasattr" or (node.func.id == "getattr" and len(node.args) == 3)
    return asked and isinstance(node.args[1], ast.Constant) and root_of(node.args[0]) in PEERS


def root_of(node):
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


KEYS = {"plan/kept.py"}
"""Where a version is part of a key of what is kept on disk."""


def test_no_other_file_asks_which_release_of_a_library_it_runs_on():
    asking = {
        path.relative_to(HOME).as_posix()
        for path in HOME.rglob("*.py")
        if any(map(asks_for_a_release, ast.walk(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert asking <= {"peers.py", *KEYS}


@pytest.mark.parametrize(
    "code", ["hasattr(np, 'matvec')", "getattr(torch.ops.aten, 'cholesky', None)", "jax.__version__ < '0.12'"]
)
def test_a_condition_on_a_release_is_seen(code):
    assert any(map(asks_for_a_release, ast.walk(ast.parse(code))))


def test_what_each_release_has_is_not_asked_for():
    with pytest.raises(KeyError, match="add its row to NAMES"):
        existing("numpy.trunc")


def test_a_name_that_a_release_lacks_is_left_out(monkeypatch):
    monkeypatch.setitem(NAMES, "numpy.fix2", "never there")
    monkeypatch.setitem(NAMES, "numpy.trunc", "always there")
    assert [one.__name__ for one in existing("numpy.fix2", "numpy.trunc")] == ["trunc"]


PROJECT = tomllib.loads((HOME.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def requirements(monkeypatch):
    """The requirements of the package as pyproject.toml has them, whatever is installed."""
    extras = PROJECT["optional-dependencies"].items()
    listed = [*PROJECT["dependencies"], *(f"{one}; extra == '{extra}'" for extra, every in extras for one in every)]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: listed)
    for function in (peers._look_up_outdated, peers._lowest_versions):
        function.cache_clear()
    yield
    for function in (peers._look_up_outdated, peers._lowest_versions):
        function.cache_clear()


def test_the_oldest_numpy_and_python_are_those_of_pyproject():
    assert f"numpy>={peers.LOWEST_NUMPY}" in PROJECT["dependencies"]
    lowest = re.search(r"version_info < \((\d+), (\d+)\)", (HOME / "starting.py").read_text(encoding="utf-8"))
    assert PROJECT["requires-python"] == f">={lowest[1]}.{lowest[2]}"


@pytest.mark.parametrize(
    ("module", "package", "version", "extra"),
    [
        ("torch", "torch", "2.5.1+cpu", "torch"), ("jax", "jax", "0.9.2", "jax"),
        ("sklearn.base", "scikit-learn", "1.5.2", "sklearn"), ("onnx", "onnx", "1.9.0rc1", "onnx"),
    ],
)  # fmt: skip
def test_a_door_says_that_a_library_is_older_than_promised(module, package, version, extra, monkeypatch, requirements):
    (lowest,) = (one.partition(">=")[2] for one in PROJECT["optional-dependencies"][extra] if one.startswith(package))
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {package: version}[name])
    with pytest.raises(ImportError) as caught:
        optional(module, "a door: needs it", extra)
    remedy = peers.install_command(extra, upgrade=True)
    assert str(caught.value) == f"a door: needs it {lowest} or newer, found {version}; run: {remedy}"
    assert caught.value.name is None  # so that a command says it in one line


def test_newer_and_unknown_versions_pass(monkeypatch, requirements):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: {"torch": "2.60.0.dev1", "json": "0.0.1"}[name])
    assert peers.find_outdated("torch") is peers.find_outdated("json.decoder") is None


OLD = {
    "found NumPy 1.26.4, needs 2.3 or newer": "import numpy; numpy.__version__ = '1.26.4'",
    "needs 3.11 or newer": "sys.version_info = (3, 10, 9)",
}


@pytest.mark.parametrize("text", OLD)
def test_an_old_numpy_or_python_is_refused_before_anything_fails(text):
    def run(code):
        command = [sys.executable, "-c", f"import sys; {OLD[text]}; {code}"]
        return subprocess.run(command, capture_output=True, text=True, cwd=HOME.parent, check=False)

    last = run("import flowgraph").stderr.splitlines()[-1]
    assert last.startswith("ImportError: flowgraph: found")
    assert text in last
    command = run("sys.argv = ['flowgraph', 'demo']; import flowgraph")
    assert (command.returncode, len(command.stderr.splitlines())) == (3, 1)
    assert text in command.stderr
