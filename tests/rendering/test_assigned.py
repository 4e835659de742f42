"""A box that nobody named bears the name of the variable that holds it: Python says which, and pictures agree."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.subject import Subject

LEAVES = {"x": fg.Input("x", shape=(3, 3)), "y": fg.Input("y", shape=(3, 3))}


def run_source(text: str, file: str = "<program of a test>") -> dict[str, Any]:
    """The variables of a program after it ran, its source kept where tracebacks find it."""
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space: dict[str, Any] = {"np": np, "fg": fg, "keep": [], **LEAVES}
    exec(compile(text, file, "exec"), space)
    return space


def names_of(text: str, *variables: str) -> list[str]:
    """What a picture calls the boxes that these variables hold."""
    space = run_source(text)
    boxes = [space[name] for name in variables]
    subject = Subject(fg.Graph(*boxes))
    return [subject.names[box] for box in boxes]


def expressions(names: list[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        st.sampled_from(names),
        lambda inner: st.one_of(
            st.builds("({} @ {})".format, inner, inner),
            st.builds("np.tanh({})".format, inner),
            st.builds("{} +\\\n    {}".format, inner, inner).map(lambda text: f"({text})"),
            st.builds("np.cumsum({}, axis=0)".format, inner),
        ),
        max_leaves=4,
    )


@st.composite
def programs(draw: Callable[..., Any]) -> str:
    """Lines that assign random expressions, some of them in loops, each read by later ones."""
    names, lines = ["x", "y"], []
    for place in range(draw(st.integers(1, 4))):
        expression = draw(expressions(names))
        operation = draw(st.sampled_from(["np.tanh({})", "{} + y", "x * {}"])).format(expression)
        name = f"v{place}"
        if draw(st.booleans()):
            start = draw(st.sampled_from(names))
            lines += [f"{name} = {start}", "for _ in range(3):", f"    {name} = np.exp({name} @ {expression})"]
            lines += [f"    keep.append(({name!r}, {name}))"]
        else:
            lines += [f"{name} = {operation}", f"keep.append(({name!r}, {name}))"]
        names.append(name)
    return "\n".join(lines)


@settings(max_examples=40)
@given(programs())
def test_pictures_call_a_box_as_the_variable_that_holds_it(text: str) -> None:
    kept = run_source(text)["keep"]
    subject = Subject(fg.Graph(*dict.fromkeys(box for _, box in kept)))
    held = {box: name for name, box in kept if box.children}
    named = {box: name.rstrip("₀₁₂₃₄₅₆₇₈₉") for box, name in subject.assigned.items()}
    assert named == held
    assert len(set(subject.names.values())) == len(subject.names)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("h = np.tanh(x @ y)", ["h"]),
        ("h: object = x @ y", ["h"]),
        ("h, k = x @ y, x + y", ["h", "k"]),
        ("(h := x @ y)", ["h"]),
        ("h, = fg.gradient(fg.sum(np.tanh(x) * y), [x])", ["dx"]),
        ("h = x\nh += y", ["h"]),
        ("h = (x @ y).named('a')", ["a"]),
        ("class M: pass\nm = M()\nm.h = x @ y\nk = m.h", ["h"]),
        ("h = fg.Parameter(np.eye(3), name='h')\nh = h @ x", ["h₁"]),
        ("k = [x @ y][0]", ["@"]),
        ("_ = x @ y\nh = _", ["@"]),
        ("def f(a):\n    return a @ y\nh = f(x)", ["@"]),
    ],
)
def test_forms_of_assignment(text: str, names: list[str]) -> None:
    variables = ["h", "k"][: len(names)] if "h" in text.replace("np.tanh", "") else ["k"]
    variables = ["k"] if text.startswith(("class", "k =")) else variables
    assert names_of(text, *variables) == names


def test_what_no_later_turn_reads_is_numbered_in_order() -> None:
    space = run_source("h = x\nfor _ in range(4):\n    h = h @ y\n    z = np.exp(h)\n    keep.append(z)")
    names = Subject(fg.Graph(*space["keep"][::-1])).names
    assert [names[box] for box in space["keep"]] == ["z₁", "z₂", "z₃", "z₄"]


VARIABLES = ("a", "b", "c", "d")


@st.composite
def loops(draw: Callable[..., Any]) -> tuple[str, int]:
    """A loop whose variables read each other, elements of x, and what the turn before has left, by line or by call."""
    turns = draw(st.integers(2, 5))
    lines, carried = ["xt = X[:, t]"], draw(st.sampled_from(VARIABLES))
    for place, name in enumerate(VARIABLES):
        first = draw(st.sampled_from([*VARIABLES[:place], "xt", "xt"]))
        second = draw(st.sampled_from([*VARIABLES[:place], "xt", "h"]))
        lines.append(f"{name} = np.tanh({first}) + {second}")
    late = draw(st.booleans())
    lines += (
        [f"e = {carried} * h if t else {carried} * 2.0", "h = np.sin(e) @ y + h"]
        if late
        else [f"h = {carried} @ y + h"]
    )
    lines.append("keep += [(n, t, v) for n, v in [('xt', xt), ('h', h)]]")
    lines += [f"keep.append(({name!r}, t, {name}))" for name in VARIABLES]
    body = "\n".join(f"    {line}" for line in lines)
    return f"X = fg.Input('X', shape=(3, {turns}, 3))\nh = x\nfor t in range({turns}):\n{body}", turns


@settings(max_examples=40, deadline=None)
@given(loops())
def test_a_subscript_is_the_turn_of_the_loop_for_every_variable(program: tuple[str, int]) -> None:
    text, turns = program
    space = run_source(text)
    graph = fg.Graph(space["h"])
    names = Subject(graph).assigned
    kept = [(name, t, box) for name, t, box in space["keep"] if box in names]
    for name in {name for name, _, _ in kept}:
        own = [(t, box) for other, t, box in kept if other == name]
        if len(own) == turns:
            assert [names[box] for _, box in own] == [f"{name}{'₁₂₃₄₅'[t]}" for t, _ in own]
        assert [names[box] for _, box in own] == sorted(names[box] for _, box in own)
    assert len([1 for name, _, _ in kept if name == "h"]) == turns


def test_source_that_is_gone_or_no_python_gives_no_names() -> None:
    for text in ("h = x @ y", "%magic\nh = x @ y"):
        space = run_source("\n" * text.count("\n") + "h = x @ y", "<gone>")
        linecache.cache["<gone>"] = (0, None, text.splitlines(keepends=True) if "%" in text else [], "<gone>")
        subject = Subject(fg.Graph(space["h"]))
        assert subject.names[space["h"]] == "@"


def test_what_a_plan_put_in_place_of_boxes_is_not_called_by_their_variables() -> None:
    space = run_source("h = np.tanh(x @ y) + 0.0 * x\nloss = fg.sum(h * 2.0)")
    step = fg.compile([space["loss"]]).prepare(x=np.eye(3), y=np.eye(3))
    graph = step._latest().graph
    values = fg.Graph(space["loss"], space["h"]).fprop(x=np.eye(3), y=np.full((3, 3), 0.5))
    run = graph.fprop(x=np.eye(3), y=np.full((3, 3), 0.5))
    for box, name in Subject(graph).assigned.items():
        np.testing.assert_allclose(run[box], values[space[name]])


def test_a_plan_gives_no_box_the_name_of_a_value_that_it_has_merged_into_another() -> None:
    """The gradient of W1 is part of the new W1 there; what is left of its expression is no gradient of W1."""
    text = """
a, y = fg.Input("a", shape=("N", 6)), fg.Input("y", shape=("N",), dtype=int)
W1, W2 = fg.Parameter(np.ones((6, 4)), name="W1"), fg.Parameter(np.ones((4, 3)), name="W2")
f = fg.softmax(fg.Affine(np.tanh(fg.Affine(a, W1, np.zeros(4))), W2, np.zeros(3)))
loss = fg.mean(fg.NegativeLogLikelihood(f, y)) + 0.001 * fg.L2(W1, W2)
slope, = fg.gradient(loss, [W1])
step = fg.compile([loss], inputs=[a, y], updates={W1: W1 - 0.1 * slope})
step = step.prepare(a=np.ones((5, 6)), y=np.zeros(5, int))
"""
    subject = Subject(run_source(text)["step"]._latest().graph)
    assert "slope" not in subject.names.values()
