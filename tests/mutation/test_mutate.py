"""flowgraph mutate: breaks each bprop, runs the tests, lists what they do not see, and changes no file."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowgraph.cli import main
from flowgraph.mutation import mutants_of, score, sources_of

BOXES = '''"""Two boxes, of Python numbers."""


class Square:
    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (2 * a * grad,)


class Product:
    def fprop(self, a, b):
        return a * b

    def bprop(self, grad, h, a, b, *, needs=(True, True)):
        return grad * b if needs[0] else None, grad * a if needs[1] else None
'''
GOOD = """from tiny.boxes import Product, Square
assert Square().bprop(5.0, 9.0, 3.0) == (30.0,)
assert Product().bprop(5.0, 6.0, 2.0, 3.0) == (15.0, 10.0)
"""
BLIND = """from tiny.boxes import Product, Square
(da,) = Square().bprop(1.0, 1.0, 1.0)
assert abs(da) == 2.0 or True
assert Product().bprop(1.0, 4.0, 2.0, 2.0) == (2.0, 2.0)
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A package with two boxes, a suite that sees everything, and one that sees little."""
    package = tmp_path / "tiny"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "boxes.py").write_text(BOXES)
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "blind.py").write_text(BLIND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def state(directory):
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in directory.rglob("*")
        if path.is_file() and path.suffix == ".py"
    }


def run(*arguments):
    return CliRunner().invoke(main, ["mutate", *map(str, arguments)])


def command(script):
    return ["--", sys.executable, script]


def test_a_good_suite_kills_every_mutant_and_no_file_is_touched(tiny):
    before = state(tiny)
    result = run("tiny.boxes", "--jobs", 2, *command("good.py"))
    assert result.exit_code == 0, result.output
    assert "2 backward passes" in result.output
    assert "killed (100%), 0 lived; no file was changed" in result.output
    assert state(tiny) == before


def test_a_blind_suite_is_told_what_it_did_not_see(tiny):
    result = run("tiny.boxes", *command("blind.py"))
    assert result.exit_code == 1
    assert "lived: tiny/boxes.py:9: Square.bprop, sign" in result.output
    assert "  -        return (2 * a * grad,)\n  +        return (-(2 * a * grad),)" in result.output
    assert "Product.bprop, swapped children" in result.output
    assert "Product.bprop, dropped incoming gradient" in result.output
    assert "Product.bprop, factor" not in result.output


def test_json_lists_every_outcome(tiny):
    result = run("tiny/boxes.py", "--json", "--box", "Product", *command("blind.py"))
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["mutants"] == found["killed"] + found["lived"] == len(found["outcomes"])
    assert {one["box"] for one in found["outcomes"]} == {"Product"}
    swapped = [one for one in found["outcomes"] if one["kind"] == "swapped children"]
    assert [(one["line"], one["outcome"]) for one in swapped] == [(17, "lived")]


def test_a_finder_that_comes_later_does_not_hide_the_mutants(tiny):
    (tiny / "later.py").write_text(
        "import importlib.machinery, sys\nsys.meta_path.insert(0, importlib.machinery.PathFinder)\n" + GOOD
    )
    result = run("tiny.boxes", "--box", "Square", *command("later.py"))
    assert result.exit_code == 0, result.output


def test_a_real_suite_of_pytest_with_a_box_of_flowgraph(tiny):
    (tiny / "tiny" / "boxes.py").write_text(
        "import flowgraph as fg\n\n\nclass Triple(fg.Elementwise):\n    def fprop(self, a):\n        return 3.0 * a\n\n"
        "    def bprop(self, grad, h, a):\n        return (3.0 * grad,)\n"
    )
    (tiny / "test_triple.py").write_text(
        "import flowgraph as fg\nfrom tiny.boxes import Triple\n\n\ndef test_triple():\n    x = fg.Input('x')\n"
        "    assert fg.Graph(Triple(x)).fprop(x=2.0).bprop(wrt='x')['x'] == 3.0\n"
    )
    result = run("tiny.boxes", "--", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_triple.py")
    assert result.exit_code == 1
    assert "dropped incoming gradient" in result.output
    assert "Triple.bprop, sign" not in result.output


def test_a_sitecustomize_of_the_user_still_runs(tiny, monkeypatch):
    (tiny / "site").mkdir()
    (tiny / "site" / "sitecustomize.py").write_text("import os\nos.environ['GREETED'] = 'yes'\n")
    monkeypatch.setenv("PYTHONPATH", str(tiny / "site"))
    (tiny / "greeted.py").write_text("import os\nassert os.environ['GREETED'] == 'yes'\n" + BLIND)
    result = run("tiny.boxes", "--box", "Square", *command("greeted.py"))
    assert "Square.bprop, sign" in result.output


def test_a_whole_package_is_broken_file_by_file(tiny):
    (tiny / "tiny" / "more.py").write_text(BOXES.replace("Square", "Cube").replace("Product", "Pair"))
    result = run("tiny", "--jobs", 2, *command("good.py"))
    assert result.exit_code == 1
    assert "lived: all of tiny/more.py: the command never imported it" in result.output
    assert "4 backward passes" in result.output
    assert "tiny/boxes.py" not in result.output


def test_what_is_no_python_is_refused(tiny):
    (tiny / "tiny" / "boxes.py").write_text("class Square(:\n")
    result = run("tiny.boxes", *command("good.py"))
    assert result.exit_code == 3
    assert "boxes.py is no Python that this version reads" in result.output


def test_a_suite_that_fails_by_itself_is_refused(tiny):
    (tiny / "bad.py").write_text("print('here is why')\nraise SystemExit(3)\n")
    result = run("tiny.boxes", *command("bad.py"))
    assert result.exit_code == 3
    assert "without any mutant the command" in result.output
    assert "fails (exit code 3)" in result.output
    assert "here is why" in result.output


def test_a_suite_that_never_imports_the_boxes_sees_nothing(tiny):
    (tiny / "empty.py").write_text("")
    result = run("tiny.boxes", *command("empty.py"))
    assert result.exit_code == 1
    assert "lived: all of tiny/boxes.py: the command never imported it" in result.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["tiny.nothing", "--", "true"], "found no module 'tiny.nothing' on the import path"),
        (["nowhere.py", "--", "true"], "nowhere.py: there is no such file in"),
        (["math", "--", "true"], "needs a module written in Python"),
        (["tiny/__init__.py", "--", "true"], "found no bprop in tiny/__init__.py"),
        (["tiny.boxes", "--box", "Cube", "--", "true"], "found no bprop of 'Cube' in tiny.boxes; there are Square"),
        (["tiny.boxes", "--", "no-such-command"], "cannot start 'no-such-command'"),
    ],
)
def test_what_cannot_be_scored_is_said(tiny, arguments, text):
    result = run(*arguments)
    assert result.exit_code == 3
    assert text in result.output.replace("\n", " ")


def test_a_mutant_that_hangs_runs_out_of_time(tiny):
    (tiny / "hanging.py").write_text(
        "import time\nfrom tiny.boxes import Square\n"
        "if Square().bprop(5.0, 9.0, 3.0) != (30.0,):\n    time.sleep(600)\n"
    )
    (file,) = sources_of("tiny.boxes")
    mutant = next(mutant for mutant in mutants_of(file) if mutant.box == "Square")
    result = score([mutant], [sys.executable, "hanging.py"], timeout=1.0)
    assert [one.outcome for one in result.outcomes] == ["timeout"]
    assert result.lived == ()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="Ctrl-C is sent as a signal")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_what_runs_and_leaves_every_file_as_it_was(tiny, sent):
    (tiny / "slow.py").write_text(
        "import os, time\nfrom pathlib import Path\nfrom tiny.boxes import Square\n"
        "if Square().bprop(5.0, 9.0, 3.0) != (30.0,):\n"
        "    Path('running').write_text(str(os.getpid()))\n    time.sleep(600)\n"
    )
    before = state(tiny)
    arguments = [sys.executable, "-m", "flowgraph", "mutate", "tiny.boxes", "--timeout", "500", *command("slow.py")]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.time() + 600
    while not ((tiny / "running").exists() and (tiny / "running").read_text()) and time.time() < deadline:
        time.sleep(0.05)
    child = int((tiny / "running").read_text())
    process.send_signal(sent)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "interrupted; what ran was ended, and no file was changed" in output
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert state(tiny) == before


def mutated(bprop, bases=""):
    file = Path("one.py")
    file.write_text(f"class One{bases}:\n    def bprop(self, grad, h, a, b):\n        {bprop}\n")
    return [(mutant.kind, mutant.diff.splitlines()[-1].removeprefix("+").strip()) for mutant in mutants_of(file)]


@pytest.mark.parametrize(
    ("bprop", "kind", "result"),
    [
        ("return grad, None", "sign", "return -grad, None"),
        ("return grad, None", "factor", "return 2 * grad, None"),
        ("return grad + a * b, None", "dropped term", "return grad, None"),
        ("return grad + a * b, None", "dropped term", "return (a * b), None"),
        ("return grad - a, None", "dropped term", "return (-a), None"),
        ("return grad * -a, None", "sign", "return grad * a, None"),
        ("return grad.sum(axis=0), None", "dropped sum", "return grad, None"),
        ("return np.sum(grad, axis=0), None", "dropped sum", "return grad, None"),
        ("return sum_like(grad, a), None", "dropped sum", "return grad, None"),
        ("return grad * a, None", "dropped incoming gradient", "return (grad * 0 + 1) * a, None"),
        ("return grad * a, grad", "swapped children", "return (grad, grad * a)"),
        ("return grad @ a.T, None", "transposed", "return grad @ a, None"),
        ("return np.swapaxes(grad, 0, 1), None", "transposed", "return grad, None"),
        ("return grad * a**2, None", "constant", "return grad * a**3, None"),
        ("return grad * a**2, None", "operator", "return grad * (a * 2), None"),
        ("return np.where(a > 0, grad, 0), None", "operator", "return np.where((a <= 0), grad, 0), None"),
        ("return grad * np.sin(a), None", "operator", "return grad * np.cos(a), None"),
        ("return f(grad)", "sign", "return tuple(part if part is None else - part for part in f(grad))"),
    ],
)
def test_the_mistakes_that_are_planted(tmp_path, monkeypatch, bprop, kind, result):
    monkeypatch.chdir(tmp_path)
    assert (kind, result) in mutated(bprop)


def test_what_changes_nothing_is_no_mutant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [kind for kind, _ in mutated("return grad, grad")] == ["sign", "factor", "sign", "factor"] + [
        "dropped incoming gradient"
    ] * 2
    texts = [text for _, text in mutated("return np.zeros_like(grad).astype(grad.dtype) * a, None")]
    assert not any("grad * 0 + 1" in text for text in texts)


def test_mutants_of_flowgraphs_own_boxes_are_python():
    modules = [
        f"flowgraph.boxes.{name}"
        for name in ("neural.loss", "engine.shape_like", "linear_algebra.einsum", "neural.softmax")
    ]
    files = [file for module in modules for file in sources_of(module)]
    found = [mutant for file in files for mutant in mutants_of(file)]
    assert len(found) > 40
    for mutant in found:
        compile(mutant.source, "mutant", "exec")
