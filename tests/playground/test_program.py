"""The program that the page shows trains the same network: the same numbers, from the same weights."""

import json
import warnings

import numpy as np
import pytest

from flowgraph.data import Examples, digits
from flowgraph.playground import page as page_module
from flowgraph.playground import playground
from tests.browser import answered, in_a_browser
from tests.seed import seed_of_tree

DATA = ("spirals", "moons", "circles", "xor", "blobs", "slope", "hills", "ripples", "digits")
FEATURES = ("x1", "x2", "x1x1", "x2x2", "x1x2", "sin1", "sin2")
TRAINED = """
  while (learner.passes < 3) learner.update();
  const weights = learner.parameters.map((one) => Array.from(one.data));
  return [programOf(learner), weights, learner.measure(learner.train).loss];
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return playground(tmp_path_factory.mktemp("page") / "a.html").read_text("utf-8")


def drawn(number):
    """The address of some settings."""
    rng = np.random.default_rng([seed_of_tree(), number])
    some = sorted(rng.choice(7, rng.integers(1, 8), replace=False).tolist())
    chosen = {
        "data": DATA[number % len(DATA)],
        "classes": int(rng.integers(2, 6)),
        "features": [FEATURES[i] for i in some],
        "depth": int(rng.integers(0, 5)),
        "units": rng.integers(1, 9, 4).tolist(),
        "activation": str(rng.choice(["tanh", "sigmoid", "relu"])),
        "initial": str(rng.choice(["glorot", "glorot", "equal", "zero"])),
        "method": ("sgd", "momentum", "adam")[number % 3],
        "schedule": str(rng.choice(["constant", "hyperbolic", "power"])),
        "momentum": float(rng.choice([0.5, 0.8, 0.9])),
        "rate": float(rng.choice([0.003, 0.01, 0.03])),
        "batch": int(rng.choice([5, 10, 20, 50, 0])),
        "examples": int(rng.choice([20, 40, 60])),
        "l1": float(rng.choice([0, 1e-3])),
        "l2": float(rng.choice([0, 3e-3])),
        "seed": int(rng.integers(0, 2**40)),
        "added": [[0.123, -0.5, 0], [-0.25, 0.75, 1]],
    }
    if chosen["initial"] == "equal" and chosen["activation"] == "relu":
        # equal weights send a gradient back that is zero but for rounding, whose sign then opens or closes rectifiers
        chosen["activation"] = "tanh"
    return "#" + "&".join(f"{name}={json.dumps(value)}" for name, value in chosen.items())


def run(program):
    """The names that a program leaves."""
    names = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a preflight says what is wrong with weights of zero
        exec(program, names)
    return names


@in_a_browser
@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("number", range(27))
def test_the_program_ends_with_the_weights_of_the_page(number, page):
    program, weights, _ = answered(page, TRAINED, address=drawn(number))
    net = run(program)["net"]
    for one, found in zip(net.parameters, weights, strict=True):
        np.testing.assert_allclose(one.value.ravel(), found, rtol=1e-6, atol=1e-8, err_msg=program)


@in_a_browser
@pytest.mark.parametrize("classes", [("a", "b", "c"), ()], ids=["classes", "numbers"])
def test_the_program_of_ones_own_points(classes, tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 2)) * 3 + 1
    data = Examples(x, np.arange(30) % 3 if classes else x[:, 0] ** 2, classes=classes)
    text = playground(tmp_path / "own.html", data=data).read_text("utf-8")
    program, weights, _ = answered(text, TRAINED, address='#method="adam"')
    for one, found in zip(run(program)["net"].parameters, weights, strict=True):
        np.testing.assert_allclose(one.value.ravel(), found, rtol=1e-6, atol=1e-8)


@in_a_browser
@pytest.mark.sampled(one_in=2)
@pytest.mark.parametrize("l1", [0, 0.001])
@pytest.mark.parametrize("data", ["moons", "hills"])
def test_the_program_of_newtons_method_lowers_the_loss(data, l1, page):
    address = f'#data="{data}"&depth=1&units=[4,4,4,4]&examples=40&method="newton"&l1={l1}&l2=0.001'
    program, _, loss = answered(page, TRAINED, address=address)
    assert "fg.newton(" in program
    names = run(program.replace("print(fg.newton", "found = (fg.newton"))
    assert 0 < names["found"].objective < 3 * loss


@in_a_browser
def test_it_says_where_the_page_differs(page):
    script = """
        const said = [];
        const say = () => said.push(programOf(learner).split("\\n").find((line) => /^# (The|On the) page/.test(line)));
        say();
        learner.update(); say();
        $("epoch").click(); say();
        change("rate", 0.1); say();
        return said;
    """
    first, within, whole, changed = answered(page, script)
    assert "has not begun" in first
    assert "1 updates and is within an epoch" in within
    assert "the same 20 updates" in whole
    assert "changed on the way" in changed


@in_a_browser
def test_it_is_copied_or_selected(page):
    script = """
        $("program").click();
        $("copy").click();
        await new Promise((next) => setTimeout(next, 300));
        return [$("copied").textContent, $("code").textContent, String(getSelection())];
    """
    said, code, selected = answered(page, script)
    assert said == "copied" or (said.startswith("selected") and selected.split() == code.split())


def test_digits_of_the_page_are_the_first_of_the_set():
    pytest.importorskip("sklearn")
    text = (page_module.files("flowgraph.playground") / "assets" / "digits.txt").read_text("utf-8").split()
    x, y = digits()
    letters = "0123456789abcdefg"
    expected = [f"{label}{''.join(letters[int(value)] for value in row)}" for row, label in zip(x, y, strict=True)]
    assert text == expected[: len(text)]
    assert len(text) == 450
