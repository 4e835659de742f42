"""Curves of functions and losses: what is drawn is the function, a jump is a gap, nothing leaves the picture."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.rendering.gallery import HEIGHT, WIDTH, curves_of, curves_svg

SVG = "{http://www.w3.org/2000/svg}"


def with_curves():
    for name, cls in sorted(fg.registry.items()):
        if cls.__module__.startswith("flowgraph.boxes.") and cls.examples is not None:
            x, curves = curves_of(cls)
            if curves:
                yield pytest.param(cls, x, curves, id=name)


CURVES = list(with_curves())


def drawn(cls):
    """The lines of the picture of a box, each a list of strokes, in the numbers of its axes."""
    x, curves = curves_of(cls)
    root = ElementTree.fromstring(curves_svg(cls.__name__, x, curves))
    texts = [
        (float(t.get("x")), float(t.get("y")), t.text.replace("−", "-"), t.get("text-anchor"))
        for t in root.iter(f"{SVG}text")
    ]
    across = [(at, float(said)) for at, _, said, anchor in texts if anchor == "middle" and _is_number(said)]
    up = [(at - 4, float(said)) for _, at, said, anchor in texts if anchor == "end"]
    lines = []
    for path in list(root.iter(f"{SVG}path"))[1:]:
        if "h18" in path.get("d"):
            continue
        strokes = [
            [tuple(map(float, point.split())) for point in stroke.split("L")] for stroke in path.get("d").split("M")[1:]
        ]
        lines.append([[(_read(across, px), _read(up, py)) for px, py in stroke] for stroke in strokes])
    return lines


def _is_number(said):
    return re.fullmatch(r"-?[\d.]+(e-?\d+)?", said) is not None


def _read(ticks, place):
    """The number at a place, by the first and the last tick."""
    (a, first), (b, last) = ticks[0], ticks[-1]
    return first + (place - a) * (last - first) / (b - a)


@pytest.mark.parametrize(
    ("name", "function", "slope"),
    [
        ("Tanh", np.tanh, lambda a: 1 - np.tanh(a) ** 2),
        ("Exp", np.exp, np.exp),
        ("Log", np.log, lambda a: 1 / a),
        ("Absolute", np.abs, np.sign),
        ("ReLU", lambda a: np.maximum(a, 0), lambda a: (a > 0) * 1.0),
        ("Floor", np.floor, lambda a: 0 * a),
        ("SquaredError", lambda f: f**2, lambda f: 2 * f),
        ("SoftmaxCrossEntropy", lambda f: np.log1p(np.exp(-f)), lambda f: -1 / (1 + np.exp(f))),
    ],
)
def test_lines_are_the_function_and_its_derivative(name, function, slope):
    derivative, value = drawn(fg.registry[name])
    for line, expected in ((value, function), (derivative, slope)):
        points = np.array([point for stroke in line for point in stroke[1:-1]])  # ends may be cut at the frame
        assert len(points) > 30
        points = points[abs(points[:, 0]) > 0.1]  # at a pole, or a kink, a pixel beside is another value
        near = [expected(points[:, 0] + shift) for shift in (-0.06, 0, 0.06)]
        low, high = np.minimum.reduce(near) - 0.06, np.maximum.reduce(near) + 0.06
        assert np.all((low <= points[:, 1]) & (points[:, 1] <= high))


def test_a_jump_is_a_gap():
    value = drawn(fg.Sign)[1]
    assert len(value) == 2
    for stroke in value:
        assert len({round(y) for _, y in stroke}) == 1
    assert len(drawn(fg.Floor)[1]) == 8


@pytest.mark.parametrize(("cls", "x", "curves"), CURVES)
def test_a_curve_is_what_the_box_computes_and_stays_inside(cls, x, curves):
    for curve in curves:
        assert np.all(np.diff(curve.xs) > 0)
        assert np.isfinite(curve.values).any()
        assert curve.slopes is None or curve.slopes.shape == curve.xs.shape
    text = curves_svg(cls.__name__, x, curves)
    assert "nan" not in text
    assert "inf" not in re.sub(r"<title>.*?</title>", "", text)
    root = ElementTree.fromstring(text)
    for path in root.iter(f"{SVG}path"):
        points = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d"))
        assert all(0 <= float(a) <= WIDTH and 0 <= float(b) <= HEIGHT for a, b in points)
    numbers = [t for t in root.iter(f"{SVG}text") if _is_number(t.text)]
    assert len([t for t in numbers if t.get("text-anchor") == "end"]) >= 2, "an axis without two numbers says nothing"


def test_each_loss_of_numbers_and_each_activation_has_curves():
    names = {param.values[0].__name__ for param in CURVES}
    for name, cls in fg.registry.items():
        if cls.__module__.startswith("flowgraph.boxes.neural") and (
            cls.role == "loss" or "activation" in cls.__module__
        ):
            assert name in names


def test_a_curve_is_told_in_words_with_its_ends():
    name, curves = curves_of(fg.ReLU)
    (words,) = re.findall("<desc>(.*?)</desc>", curves_svg("ReLU", name, curves))
    assert words == "h leads from 0 at a = −4 to 4 at a = 4; its least value is 0 at a = −4, its greatest 4 at a = 4"
    for cls, name, curves in (case.values for case in CURVES):
        svg = curves_svg(cls.__name__, name, curves)
        assert len(re.findall("<desc>[^<]+ leads from ", svg)) == 1


def test_what_is_no_function_of_one_real_number_has_none():
    for cls in (fg.Add, fg.MatMul, fg.IsNan, fg.Imag, fg.Sum, fg.Concatenate):
        assert curves_of(cls) == (curves_of(cls)[0], [])
