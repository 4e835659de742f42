"""Widgets: the Python side by the messages a front end sends, the scripts in a browser with a model as anywidget's."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.peers import install_command
from flowgraph.rendering.wording import number_text
from tests.browser import answered, in_a_browser
from tests.rendering.test_notation import OTHERWISE

pytest.importorskip("anywidget", reason="anywidget is not installed (the extra widget)")

from flowgraph.interop.widget import MOST_NUMBERS, GraphWidget, TrainingWidget
from flowgraph.interop.widget import _short as of_array

X = np.arange(6.0).reshape(3, 2)
W = np.array([[0.5, -1.0], [0.25, 2.0]])


def network():
    x = fg.Input("x", shape=("N", 2))
    h = np.tanh(x @ fg.Parameter(W, name="W")).named("h")
    return fg.Graph(fg.mean(h * h).named("loss"))


def test_a_click_gives_the_value_to_python():
    widget = GraphWidget(network(), x=X)
    heard = []
    widget.observe(lambda change: heard.append(change["new"]), "selected")
    widget.set_state({"selected": "h"})  # what a message of the front end comes to
    assert heard == ["h"]
    assert np.allclose(widget.value, np.tanh(X @ W))
    assert widget.box.name == "h"
    assert np.allclose(widget.grad, 2 * np.tanh(X @ W) / 6)
    widget.set_state({"selected": "W"})
    assert np.array_equal(widget.value, W)
    assert widget.get_state()["_details"].startswith("W: Parameter  (2, 2) float64\nvalue [[")
    widget.set_state({"selected": ""})
    assert widget.value is None
    assert widget.get_state()["_details"] == ""


def test_another_run_is_another_value_of_the_same_box():
    widget = GraphWidget(network(), x=X)
    widget.select("h")
    before = widget.get_state()["_svg"]
    widget.run(x=X[:1] + 1)
    assert np.allclose(widget.value, np.tanh((X[:1] + 1) @ W))
    assert widget.get_state()["_svg"] != before


def test_a_graph_without_a_run_a_run_and_a_box_itself():
    graph = network()
    widget = GraphWidget(graph)
    widget.select(graph["h"])
    assert widget.selected == "h"
    assert widget.value is None
    assert widget.grad is None
    run = graph.fprop(x=X)
    of_run = GraphWidget(run, run.bprop())
    of_run.select("W")
    assert np.array_equal(of_run.grad, run.bprop()["W"])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: setattr(GraphWidget(network()), "selected", "lost"), "no box 'lost' in the picture; there are loss"),
        (lambda: GraphWidget(network()).select(fg.Input("other")), "not in the graph that is drawn"),
        (lambda: GraphWidget(network().fprop(x=X), x=X), "found a run and the feed 'x'"),
        (lambda: GraphWidget("net"), "found a str, needs a graph or a run"),
        (lambda: TrainingWidget(watch="speed"), "found watch='speed', needs one of objective"),
        (lambda: TrainingWidget(every=0), "found every=0"),
        (lambda: TrainingWidget(x=X), "found the feed 'x' and no graph"),
    ],
)
def test_what_makes_no_sense_is_refused(make, text):
    with pytest.raises(UsageError, match=re.escape(text)):
        make()


def problem():
    mlp = fg.MLP([2, 3, 2], output="softmax", rng=0)
    return mlp, mlp.weights[0]


def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    return X, (X[:, 0] > 0).astype(int)


def test_a_training_is_shown_while_it_runs():
    built, W = problem()
    X, y = data()
    pictures, values = [], []
    live = TrainingWidget(fg.Graph((fg.Input("x", shape=("N", 2)) @ W).named("scores")), x=X[:4])
    live.observe(lambda change: pictures.append(change["new"]), "_svg")
    live.observe(lambda change: values.append(W.value.copy()), "points")
    history = fg.fit(built, (X[:40], y[:40]), valid=(X[40:], y[40:]), epochs=4, callbacks=[live], learning_rate=0.1)
    assert live.points == [{"epoch": e.number, "train": e.train_loss, "valid": e.valid_loss} for e in history]
    assert len(set(pictures)) >= 4, "each epoch has a picture of its own"
    assert live.get_state()["_status"] == "ended after epoch 4"
    assert not live.get_state()["_running"]


def test_the_button_ends_the_training():
    built, _ = problem()
    live = TrainingWidget()
    press = lambda trainer, epoch: live.set_state({"stop_asked": epoch.number == 2})  # noqa: E731
    history = fg.fit(built, data(), epochs=9, callbacks=[press, live])
    assert len(history) == 2
    assert "stopped by the button" in live.get_state()["_status"]


def test_what_is_no_number_is_left_out_of_the_curve():
    from flowgraph.interop.widget import _point
    from flowgraph.training.history import Epoch

    epoch = Epoch(1, 1, 0.1, 0.0, float("inf"), float("nan"), valid_loss=0.5)
    assert json.dumps(_point(epoch, "loss"), allow_nan=False) == '{"epoch": 1, "train": null, "valid": 0.5}'


MODEL = """
const state = STATE, heard = {}, saved = [];
const model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; (heard["change:" + name] || []).forEach((f) => f()); },
  on: (event, f) => { (heard[event] = heard[event] || []).push(f); },
  off: (event, f) => { heard[event] = (heard[event] || []).filter((one) => one !== f); },
  save_changes: () => saved.push({...state}),
};
const el = document.getElementById("el");
const leave = widget.render({ model, el });
const report = {};
"""


def in_page(instance, script):
    """What a script finds in a page that shows the widget, with a model that behaves as anywidget's."""
    module = instance._esm
    skipped = ("_model", "_view")
    state = {
        name: value for name, value in instance.get_state().items()
        if not name.startswith(skipped) and isinstance(value, str | bool | list | dict)
    }  # fmt: skip
    del state["_esm"], state["_css"]
    model = MODEL.replace("STATE", json.dumps(state).replace("</", "<\\/"))
    code = module.replace("export default", "const widget =") + model + script + "\nreturn report;"
    return answered(f'<style>{instance._css}</style><body><div id="el"></div></body>', code)


CLICK = """
const boxes = [...el.querySelectorAll("g.box")];
const click = (node) => node.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const at = (name) => boxes.find((box) => box.id === "box-" + name);
click(at("h").querySelector("text"));
report.clicked = saved.map((one) => one.selected);
report.marked = boxes.filter((box) => box.classList.contains("selected")).map((box) => box.id);
report.stroke = getComputedStyle(at("h").querySelector("rect")).strokeWidth;
at("loss").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
report.byKey = state.selected;
model.set("selected", "W");  // as Python does
report.fromPython = boxes.filter((box) => box.classList.contains("selected")).map((box) => box.id);
model.set("_details", "W: Parameter");
report.details = el.querySelector(".details").textContent;
click(el.querySelector(".picture"));
report.outside = state.selected;
model.set("_svg", "<svg></svg>");
report.redrawn = el.querySelectorAll("g.box").length;
leave();
report.left = Object.values(heard).flat().length;
"""


@in_a_browser
def test_in_a_browser_a_click_selects_and_what_python_selects_is_marked():
    found = in_page(GraphWidget(network(), x=X), CLICK)
    assert found == {
        "clicked": ["h"], "marked": ["box-h"], "stroke": "3px", "byKey": "loss", "fromPython": ["box-W"],
        "details": "W: Parameter", "outside": "", "redrawn": 0, "left": 0,
    }  # fmt: skip


GROW = """
const lines = () => [...el.querySelectorAll("polyline")].map((line) => line.getAttribute("points").split(" ").length);
report.empty = lines();
const points = [];
for (let epoch = 1; epoch <= 5; epoch++) {
  points.push({ epoch, train: 8 / epoch ** 2, valid: epoch < 3 ? null : 1 / epoch });
  model.set("points", [...points]);
}
report.lines = lines();
const place = (dot) => [dot.cx.baseVal.value, dot.cy.baseVal.value];
report.inside = [...el.querySelectorAll("circle")].map(place).every(([x, y]) => x <= 640 && y <= 220);
report.words = [...el.querySelectorAll(".curve text")].map((text) => text.textContent);
model.set("_running", true);
const button = el.querySelector("button");
report.hidden = button.hidden;
button.click();
report.stop = saved.map((one) => one.stop_asked);
model.set("_svg", "<svg><g class='box'></g></svg>");
report.picture = el.querySelectorAll(".picture g.box").length;
"""


@in_a_browser
def test_in_a_browser_the_curve_grows_and_the_button_stops():
    found = in_page(TrainingWidget(), GROW)
    assert found["empty"] == []
    assert found["lines"] == [5, 3]
    assert found["inside"]
    assert {"train", "valid", "epoch 1", "5", "loss, logarithmic", "0.2", "8"} <= set(found["words"])
    assert not found["hidden"]
    assert found["stop"] == [True]
    assert found["picture"] == 1


@given(arrays(st.sampled_from([float, "f4", complex, int, bool]), array_shapes(max_dims=2, max_side=9)))
def test_the_panel_writes_the_numbers_of_a_value_as_pictures_do(array):
    """Each number is written as `number_text` writes it, in aligned columns; an integer with all its digits."""
    text = of_array(array)
    assert not OTHERWISE.search(text)
    if array.size > MOST_NUMBERS:
        return
    write = number_text if array.dtype.kind in "fc" else lambda number: str(number).replace("-", "−")
    lines = [[(one[0], one.end()) for one in re.finditer(r"[^\s\[\]]+", line)] for line in f"value {text}".splitlines()]
    assert [word for line in lines for word, _ in line][1:] == [write(number) for number in array.ravel().tolist()]
    if array.ndim == 2 and len(lines) == len(array):
        assert len({tuple(end for _, end in line[-array.shape[1] :]) for line in lines}) == 1


@in_a_browser
def test_in_a_browser_the_axis_of_the_curve_has_the_notation_of_pictures():
    script = """
model.set("points", [{ epoch: 1, train: -1.25e-7, valid: null }, { epoch: 2, train: 123456, valid: -3 }]);
report.words = [...el.querySelectorAll(".curve text")].map((text) => text.textContent);
"""
    words = in_page(TrainingWidget(), script)["words"]
    assert {number_text(-3), number_text(123456)} <= set(words)
    assert not any(OTHERWISE.search(word) for word in words)


def test_without_anywidget_the_way_out_is_said():
    code = "import sys; sys.modules['anywidget'] = None\nimport flowgraph.interop.widget"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"needs anywidget; run: {install_command('widget')}" in done.stderr
