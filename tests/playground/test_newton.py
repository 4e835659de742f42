"""Newton's steps and the slopes beside the units: the numbers of the page are those of NumPy."""

from itertools import pairwise

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.derivatives import hessian_blocks
from flowgraph.errors import UsageError
from flowgraph.playground import playground
from flowgraph.playground.page import MOST_NEWTON
from tests.browser import answered, in_a_browser

pytestmark = in_a_browser

TOLD = """
const rows = (a) => ({ shape: a.shape, data: Array.from(a.data) });
const told = () => ({
  parameters: learner.parameters.map(rows), x: Array.from(learner.train.x), y: Array.from(learner.train.y),
});
"""


def numbers(found):
    """The parameters and examples of a page."""
    parameters = [np.reshape(np.array(one["data"], float), one["shape"]) for one in found["parameters"]]
    return parameters, np.reshape(found["x"], (-1, 2)), np.array(found["y"], int)


def objective_of(parameters, activation, l1, l2):
    """The objective of the page with the parameters as they are, and the inputs x and y."""
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",), dtype=int)
    leaves = [fg.Parameter(one, name=f"p{i}") for i, one in enumerate(parameters)]
    h, hidden = x, []
    for k in range(0, len(leaves), 2):
        a = h @ leaves[k] + leaves[k + 1]
        h = activation(a) if k + 2 < len(leaves) else a
        hidden.append(h)
    loss = fg.SoftmaxCrossEntropy(h, y)
    total = fg.mean(loss) + l1 * fg.L1(*leaves[::2]) + l2 * fg.L2(*leaves[::2])
    return total, leaves, hidden


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return playground(tmp_path_factory.mktemp("page") / "a.html").read_text("utf-8")


@pytest.mark.parametrize(("kind", "activation"), [("tanh", np.tanh), ("sigmoid", fg.sigmoid), ("relu", fg.relu)])
def test_hessian_and_step_are_those_of_numpy(kind, activation, page):
    script = """
        for (let i = 0; i < 20; i++) learner.update();
        const seen = learner.look(learner.train), h = finished(hessianOf(learner, learner.train));
        const gradient = flat(learner.parameters.map((_, i) => seen[`dp${i}`]));
        return { ...told(), h: rows(h), step: Array.from(newtonStep(h, gradient, 0.02)) };
    """
    address = f'#depth=2&units=[4,3,8,8]&activation="{kind}"&l1=0.001&l2=0.003&examples=40'
    found = answered(page, TOLD + script, address=address)
    parameters, x, y = numbers(found)
    total, leaves, _ = objective_of(parameters, activation, 0.001, 0.003)
    sizes = [one.size for one in parameters]
    blocks = [
        [np.reshape(block, (n, m)) for block, m in zip(row, sizes, strict=True)]
        for row, n in zip(_blocks(total, leaves, x, y), sizes, strict=True)
    ]
    h = np.block(blocks)
    np.testing.assert_allclose(np.reshape(found["h"]["data"], h.shape), h, rtol=1e-8, atol=1e-11)
    grads = fg.Graph(total).fprop(x=x, y=y).bprop()
    g = np.concatenate([grads[one].ravel() for one in leaves])
    np.testing.assert_allclose(found["step"], np.linalg.solve(h + 0.02 * np.eye(len(h)), -g), rtol=1e-6, atol=1e-9)


def _blocks(total, leaves, x, y):
    """The blocks of the Hessian, by NumPy."""
    flat = [box for row in hessian_blocks(total, leaves) for box in row]
    run = fg.Graph(*flat).fprop(x=x, y=y)
    found = [run[box] for box in flat]
    return [found[i : i + len(leaves)] for i in range(0, len(found), len(leaves))]


def test_steps_lower_the_objective_until_it_is_at_rest(page):
    script = """
        const found = [learner.look(learner.train).objective.data[0]];
        for (let i = 0; i < 60; i++) { learner.update(); found.push(learner.look(learner.train).objective.data[0]); }
        const seen = learner.look(learner.train), passes = learner.passes, shown = $("rateCurve").ariaLabel;
        return [found, rms({ data: flat(learner.parameters.map((_, i) => seen[`dp${i}`])) }), passes, learner.epoch];
    """
    address = '#depth=1&units=[3,8,8,8]&data="blobs"&method="newton"&l2=0.003'
    found, slope, passes, epoch = answered(page, TOLD + script, address=address)
    assert all(later <= one + 1e-12 for one, later in pairwise(found))
    assert found[-1] < 0.4 * found[0]
    assert slope < 1e-6
    assert passes == epoch == 60


def test_a_part_of_an_update_is_one_product_or_one_look(page):
    """So that no update holds up a frame for longer than one of SGD does, however many parameters it has."""
    script = """
        let calls = 0;
        const counted = (call) => (...given) => (calls++, call(...given));
        learner.plan = { ...learner.plan, curve: counted(learner.plan.curve), learn: counted(learner.plan.learn) };
        const parts = [], before = learner.parameters, steps = [];
        for (let updates = 0; updates < 4; updates++) {
          for (let made = false; !made; parts.push(calls)) {
            calls = 0;
            if (learner.parameters !== (steps.at(-1) ?? before)) throw "the parameters change within an update";
            made = learner.advance();
          }
          steps.push(learner.parameters);
        }
        return [Math.max(...parts), parts.length, flat(before).length];
    """
    for method in ("newton", "sgd"):
        most, parts, count = answered(page, script, address=f'#depth=1&units=[6,8,8,8]&method="{method}"')
        assert most == 1
        assert parts > 4 * count if method == "newton" else parts == 4


def test_it_is_offered_for_small_nets_alone_and_says_why(page):
    script = """
        const offered = () => [...document.querySelectorAll("[aria-label=method] button")].map((one) => !one.disabled);
        const said = () => document.querySelector(".why")?.textContent ?? "";
        const large = [offered(), said(), learner.newton];
        for (let i = 0; i < 5; i++) learner.update();
        change("units", [3, 3, 8, 8]);
        return [large, [offered(), said(), learner.newton], innerWidth - document.documentElement.scrollWidth];
    """
    large, small, room = answered(page, script, (390, 800), '#method="newton"&depth=2')
    assert large[0] == [True, True, True, False]
    assert f"114 parameters, needs {MOST_NEWTON} at most" in large[1]
    assert not large[2]
    assert small[0] == [True, True, True, True]
    assert "All examples" in small[1]
    assert small[2]
    assert room >= 0


def test_slopes_beside_the_units_are_those_of_numpy(page):
    script = """
        for (let i = 0; i < 60; i++) learner.update();
        shown();
        return { ...told(), units: state.units.map((layer) => layer && layer.map(({ asked, mean, saturated }) =>
          ({ asked: Array.from(asked), mean, saturated }))), title: unitText(state.units, [1, 2]) };
    """
    found = answered(page, TOLD + script, address="#depth=2&units=[5,4,8,8]&rate=0.3")
    parameters, x, y = numbers(found)
    total, _, hidden = objective_of(parameters, np.tanh, 0.0, 0.0)
    run = fg.Graph(total).fprop(x=x, y=y)
    grads = run.bprop(keep="all")
    assert found["units"][2] is None
    for h, layer in zip(hidden[:2], found["units"], strict=False):
        asked = grads[h] * len(x)
        np.testing.assert_allclose([one["asked"] for one in layer], asked.T, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose([one["mean"] for one in layer], asked.mean(axis=0), rtol=1e-7, atol=1e-12)
        slope = 1 - run[h] ** 2
        share = np.mean(slope < 0.1 * slope.max(), axis=0)
        np.testing.assert_allclose([one["saturated"] for one in layer], share)
    assert "saturated for" in found["title"]


def test_without_a_second_derivative_the_net_trains_and_it_is_said(tmp_path, monkeypatch):
    def refused(*_):
        raise UsageError("bent: found no derivative of its bprop\n  way out")

    monkeypatch.setattr("flowgraph.playground.page._curvature", refused)
    x, y = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",), dtype=int)
    net = fg.MLP([2, 3, 2], output="linear", rng=0)
    text = fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(net(x), y))).playground(tmp_path / "own.html").read_text("utf-8")
    script = 'learner.update(); return [document.querySelector(".why").textContent, learner.newton, learner.updates];'
    said, newton, updates = answered(text, script, address='#method="newton"')
    assert "bent: found no derivative of its bprop" in said
    assert not newton
    assert updates == 1
