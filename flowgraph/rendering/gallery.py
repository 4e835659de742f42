"""A picture of every box, as curves or as a graph: one at a time, on one page, or as the page of the docs."""

from __future__ import annotations

import contextlib
import importlib
import math
import operator
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph import boxes
from flowgraph.box import Array, Box, Constant, Elementwise, Leaf, registry
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Example, Interval
from flowgraph.errors import FlowgraphError, RenderError, UsageError
from flowgraph.graph import Graph
from flowgraph.markup import inline, text
from flowgraph.printable import printable
from flowgraph.rendering.derived_lines import derivative_latex
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.formula_of_box import about
from flowgraph.rendering.formulas import mathml, plain_formula
from flowgraph.rendering.measure import text_width
from flowgraph.rendering.palette import THEMES, adaptive, html_page
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.svg_text import draw_builtin
from flowgraph.rendering.wording import number_text
from flowgraph.saving.replacing import by_suffix, make_folder, replace_text

_INTRODUCTION = """For those who look up a box: each with the code that builds it, its formula, its derivative and
its picture. A function of one number, and a loss, is drawn as its curve, blue, and its derivative,
orange; every other box as a graph, black arrows for fprop, orange ones for the gradients that bprop sends.
The value of a box is h."""

_MADE = "Written by `flowgraph gallery docs/gallery.md` from the declarations of the boxes."


@dataclass(frozen=True)
class Topic:
    """The boxes of one file: its folder, its name, what its docstring says of it, and the boxes by name."""

    folder: str
    name: str
    about: str
    boxes: tuple[tuple[str, type[Box]], ...]


def topics() -> list[Topic]:
    """The boxes of flowgraph that can be drawn, by folder and file, in alphabetical order."""
    by_module: dict[str, list[tuple[str, type[Box]]]] = {}
    for name, cls in sorted(registry.items()):
        if cls.__module__.startswith("flowgraph.boxes.") and not issubclass(cls, Leaf) and cls.examples is not None:
            by_module.setdefault(cls.__module__, []).append((name, cls))
    return [
        Topic(module.split(".")[2], module.split(".")[-1], _first_line(sys.modules[module]), tuple(boxes))
        for module, boxes in sorted(by_module.items())
    ]


def box_graph(cls: type[Box], number: int = 0) -> Graph:
    """The graph of one box, by its example of that number, on inputs named as fprop names its children."""
    if issubclass(cls, Leaf) or cls.examples is None:
        raise UsageError(f"gallery: {cls.__name__} is drawn only inside a graph: it has no example of its own")
    first = cls.examples[number] if cls.examples else Example(((3, 4),) * (len(cls.child_names) + cls.variadic))
    names = list(cls.child_names)
    if cls.variadic:
        last = names.pop()
        names += [f"{last}{i + 1}" for i in range(len(first.children) - len(names))]
    try:
        box = cls(*map(_input, names, first.children), **first.settings)
    except FlowgraphError:  # it asks for the values of a child when it is built
        box = cls(*map(_child_of, names, first.children), **first.settings)
    return Graph(box.named(_value_name(cls)))


def derivative_of(cls: type[Box]) -> str:
    """The derivative of a class by its first example, in LaTeX."""
    return derivative_latex(box_graph(cls).outputs[0]) if cls.examples is not None else cls.derivative


def box_svg(cls: type[Box]) -> str:
    """The picture of one box: its curves where it has some, else the graph with the gradients that it sends.

    Tooltips and caption of the graph are left out.
    """
    name, curves = curves_of(cls)
    if curves:
        return curves_svg(cls.__name__, name, curves, _value_name(cls))
    graph = box_graph(cls)
    picture = picture_of(graph, view="both" if Subject(graph).receivers else "forward")
    tiles = tuple(replace(tile, tooltip=tile.tooltip.partition("\n")[0]) for tile in picture.tiles)
    return adaptive(draw_builtin(replace(picture, tiles=tiles, caption=())))


@contextlib.contextmanager
def _drawing(cls: type[Box]) -> Iterator[None]:
    """Where one box is drawn: what it raises says which box it is."""
    try:
        yield
    except Exception as error:
        raise RenderError(f"gallery: {cls.__name__} cannot be drawn: {type(error).__name__}: {error}") from error


def gallery(path: str | os.PathLike[str]) -> Path:
    """Write every box of flowgraph: one page (.html), or a page of the docs (.md) with its pictures in a folder."""
    target = Path(path)
    by_suffix("gallery", target, {".html": _write_page, ".md": _write_docs})(target)
    return target


def _write_page(target: Path) -> None:
    """All boxes on one page, with contents and a search."""
    contents, chapters = [], []
    for folder, of_folder in groupby(topics(), key=lambda topic: topic.folder):
        heading = f"<h2>{_heading(folder)}</h2>"
        listed, sections = [heading], [heading]
        for topic in of_folder:
            links = " ".join(f'<a href="#{name}">{name}</a>' for name, _ in topic.boxes)
            listed.append(f'<p><a href="#{_place(topic)}"><b>{_heading(topic.name)}</b></a> {links}</p>')
            head = f"<h3>{_heading(topic.name)}</h3><p>{text(topic.about)}</p>"
            sections.append(f'<section id="{_place(topic)}">{head}')
            for name, cls in topic.boxes:
                with _drawing(cls):
                    sections.append(_article(name, cls))
            sections.append("</section>")
        contents.append("".join(listed))
        chapters.append(f'<div class="family">{"".join(sections)}</div>')
    body = (
        f'<header><h1>The boxes of flowgraph</h1><p>{_INTRODUCTION}</p><p class="find"><input id="find" type="search" '
        f'placeholder="find a box: name, formula, code" aria-label="find a box"> <span id="count" aria-live="polite">'
        f"</span></p></header><details><summary>Contents</summary><nav>{''.join(contents)}</nav></details>"
        f"<main>{''.join(chapters)}</main>"
    )
    replace_text(target, html_page("The boxes of flowgraph", "gallery", body, "gallery"))


def _article(name: str, cls: type[Box]) -> str:
    graph = box_graph(cls)
    code = "".join(f"<code>{text(line)}</code>" for line in code_of(graph.outputs[0]))
    formulas = [f"<p>{_value_name(cls)} = {_formula(cls.formula)}</p>"] if cls.formula else []
    formulas += [f"<p>derivative: {_formula(derivative)}</p>"] if (derivative := derivative_of(cls)) else []
    return (
        f'<article id="{escape(name)}"><h4>{escape(name)}</h4><p>{text(about(cls))}</p>'
        f'<p class="code">{code}</p>{"".join(formulas)}{inline(box_svg(cls), name)}</article>'
    )


def _formula(latex: str) -> str:
    """A formula typeset, or as plain text where what typesets it is not installed."""
    try:
        return mathml(latex)
    except RenderError:
        return text(plain_formula(latex))


def _write_docs(target: Path) -> None:
    """The page, by folder and file, and its pictures in a folder of the page's name."""
    folder = target.with_suffix("")
    svgs: dict[str, str] = {}
    anchors, contents, chapters = _Anchors(), [], []
    anchors.of("The boxes of flowgraph"), anchors.of("Contents")
    family = ""
    for topic in topics():
        if topic.folder != family:
            family = topic.folder
            contents.append(f"\n**[{_heading(family)}](#{anchors.of(_heading(family))})**\n")
            chapters.append(f"## {_heading(family)}\n")
        links = [f"[{_heading(topic.name)}](#{anchors.of(_heading(topic.name))}):"]
        chapters.append(f"### {_heading(topic.name)}\n\n{topic.about}\n")
        for name, cls in topic.boxes:
            links.append(f"[{name}](#{anchors.of(name)})")
            with _drawing(cls):
                svgs[name] = box_svg(cls)
                chapters.append(_entry(name, cls, folder.name))
        contents.append(f"- {' '.join(links)}")
    listed = "\n".join(contents)
    start = f"# The boxes of flowgraph\n\n{_INTRODUCTION}\n{_MADE}\n\n## Contents\n{listed}\n"
    make_folder(folder)  # nothing is written before every box is drawn
    for name, svg in svgs.items():
        replace_text(folder / f"{name}.svg", svg)
    replace_text(target, start + "\n" + "\n".join(chapters))
    for old in folder.glob("*.svg"):
        if old.stem not in svgs:
            old.unlink()


class _Anchors:
    """The anchors that GitHub and MyST give to headings: in small letters, the second of a name with -1."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def of(self, heading: str) -> str:
        """The anchor of the next heading."""
        word = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = self.seen.get(word, 0)
        self.seen[word] = count + 1
        return f"{word}-{count}" if count else word


def _place(topic: Topic) -> str:
    return f"{topic.folder}-{topic.name}"


def _heading(family: str) -> str:
    return family.replace("_", " ").capitalize()


def _first_line(module: object) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0]


def _value_name(cls: type[Box]) -> str:
    """What formulas call the value of a box: h, or a where a child is called h."""
    return "a" if "h" in cls.child_names else "h"


def _entry(name: str, cls: type[Box], folder: str) -> str:
    code = "\n".join(code_of(box_graph(cls).outputs[0]))
    entry = f"#### {name}\n\n{about(cls)}\n\n```python\n{code}\n```\n\n![{name}]({folder}/{name}.svg)\n"
    if cls.formula:
        entry += f"\n${_value_name(cls)} = {_safe(cls.formula)}$\n"
    derivative = derivative_of(cls)
    if derivative:
        entry += f"\nderivative: ${_safe(derivative)}$\n"
    return entry


def _safe(latex: str) -> str:
    """A formula that Markdown takes as it is."""
    return re.sub(r"<\s*", r"\\lt ", latex)


def _input(name: str, child: Box) -> Box:
    if isinstance(child, tuple):
        return Input(name, shape=child)
    array = np.asarray(child)
    return Input(name, shape=array.shape, dtype=array.dtype) if array.shape else Constant(array, name=name)


def _child_of(name: str, child: Box) -> Box:
    return Input(name, shape=child) if isinstance(child, tuple) else Constant(np.asarray(child), name=name)


def code_of(box: Box) -> list[str]:
    """Lines that build a box like this one of its children, the shortest way first: "np.tanh(a)", "fg.Tanh(a)".

    Children stand under the names of their boxes; the class is given every setting, its defaults too. A function of
    NumPy, SciPy or flowgraph is named where it has been called on these children and has built such a box.
    """
    cls = type(box)
    settings = box.setting_values()
    plain = all(_is_default(cls, name, value) for name, value in settings.items())
    names = [child.name or child.symbol for child in box.children]
    lines = [f" {sign} ".join(names) for sign, function in _OPERATORS if _builds(function, box.children, cls)]
    lines += [
        f"{said}({', '.join(names)})" for said, function in _functions(cls)
        if plain and _builds(function, box.children, cls)
    ]  # fmt: skip
    home = "fg" if cls.public else "fg.boxes"
    arguments = [*names, *(f"{name}={_value(value)}" for name, value in settings.items())]
    return [*lines, f"{home}.{cls.__name__}({', '.join(arguments)})"]


def _functions(cls: type[Box]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions that may build a box of a class, with what one writes."""
    declared: tuple[Any, ...] = cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,)
    for named in declared:
        if isinstance(named, str):
            module, _, name = named.rpartition(".")
            with contextlib.suppress(ImportError, AttributeError):
                yield named, getattr(importlib.import_module(module), name)
            continue
        name = getattr(named, "__name__", "")
        function = getattr(np, name, None)
        if callable(function) and function is named:
            yield f"np.{name}", function
    word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
    for name in dict.fromkeys((word, word.replace("_", ""))):
        function = getattr(boxes, name, None)
        if callable(function) and not isinstance(function, type) and name in boxes.__all__:
            yield f"fg.{name}", function


def _builds(function: Callable[..., Any], children: Sequence[Box], cls: type[Box]) -> bool:
    """Whether the function makes one box of the class of these children, and nothing besides."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = function(*children)
    except Exception:  # whatever it refuses them with, it is no way to build the box
        return False
    return type(made) is cls and len(made.children) == len(children) and all(map(operator.is_, made.children, children))


def _is_default(cls: type[Box], name: str, value: object) -> bool:
    default = getattr(cls, name, _MISSING)
    return default is value or (type(default) is type(value) and not isinstance(value, np.ndarray) and default == value)


_MISSING = object()

_OPERATORS = (
    ("+", operator.add), ("-", operator.sub), ("*", operator.mul), ("/", operator.truediv), ("@", operator.matmul),
    ("**", operator.pow), ("//", operator.floordiv), ("%", operator.mod), ("<", operator.lt), ("<=", operator.le),
    (">", operator.gt), (">=", operator.ge), ("&", operator.and_), ("|", operator.or_), ("^", operator.xor),
)  # fmt: skip
"""Python's operators of two operands."""


def _value(value: object) -> str:
    """A setting as code."""
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key!r}: {_value(item)}" for key, item in value.items()) + "}"
    return printable(repr(value))


REACH = 4.0
"""How far from 0 a curve is drawn where the domain does not end: activations are flat or straight beyond."""

POINTS = 121
"""Numbers at which a curve is computed, one for each three pixels of its picture."""

INSET = 1e-3
"""Share of the range by which a curve keeps off an end that does not belong to the domain."""

JUMP = 1e-7
"""Distance on both sides of a kink at which the curve is computed, so that a jump there is one."""


@dataclass(frozen=True)
class Curve:
    """The samples of a curve: `xs` ascending, the values and the derivatives, None where there is no derivative.

    NaN stands where a curve is interrupted: outside the domain, and between the sides of a jump.
    """

    label: str
    xs: Array
    values: Array
    slopes: Array | None


def curves_of(cls: type[Box]) -> tuple[str, list[Curve]]:
    """The name of the number and the curves over it; no curve where the box is no function of one real number.

    An elementwise box of one child has one curve. A loss has one over its score for each target: the targets of its
    first example where they are classes, else 0.
    """
    examples = cls.examples or ()
    settings = examples[0].settings if examples else {}
    if not cls.child_names or cls.variadic:
        return "", []
    name = cls.child_names[0]
    xs = _numbers(cls.domain.get(name, Interval()), cls.kinks)
    with contextlib.suppress(FlowgraphError, TypeError, ValueError, ArithmeticError):
        if cls.role == "loss" and len(cls.child_names) == 2:
            return name, _of_loss(cls, settings, xs)
        if issubclass(cls, Elementwise) and len(cls.child_names) == 1:
            curve = _curve("", cls, xs, lambda x: cls(x, **settings), name)
            return name, [] if curve is None else [curve]
    return "", []


def _of_loss(cls: type[Box], settings: Any, xs: Array) -> list[Curve]:
    targets = cls.examples[0].children[1] if cls.examples else None
    if isinstance(targets, np.ndarray) and targets.ndim == 1:  # a score for each class, of which the true one varies

        def build(x: Any) -> Box:
            others = Constant(np.zeros((len(xs), 1)))
            scores = np.concatenate([np.reshape(x, (len(xs), 1)), others], axis=1)
            return cls(scores, Constant(np.zeros(len(xs), int)), **settings)

        curves = [_curve("of the true class, of two", cls, xs, build, cls.child_names[0])]
    else:
        classes = [0.0]
        if isinstance(targets, np.ndarray) and targets.dtype.kind in "iub":
            classes = [int(label) for label in np.unique(targets)[::-1]]
        curves = [
            _curve(f"y = {y:g}", cls, xs, lambda x, y=y: cls(x, Constant(np.full(len(xs), y)), **settings),
                   cls.child_names[0])
            for y in classes
        ]  # fmt: skip
    return [curve for curve in curves if curve is not None]


def _curve(label: str, cls: type[Box], xs: Array, build: Any, name: str) -> Curve | None:
    """The curve of what `build` makes of a box; None where it is not real, or the same everywhere."""
    x = Input(name, shape=(len(xs),))
    box = build(x)
    if box.dtype.kind != "f" or box.shape != x.shape:
        return None
    graph = Graph(box)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        run = graph.fprop({x: xs})
        values = np.array(run[box], float)
        slopes = None
        with contextlib.suppress(FlowgraphError, TypeError):
            slopes = np.array(run.bprop(np.ones(len(xs)), wrt=[x])[x], float)
    finite = values[np.isfinite(values)]
    if not finite.size or np.ptp(finite) == 0:
        return None
    return Curve(label, *_interrupt_at_kinks(xs, values, slopes, _kinks_inside(cls.kinks, xs)))


def _numbers(interval: Interval, kinks: Sequence[float]) -> Array:
    low = interval.low if math.isfinite(interval.low) else min(-REACH, interval.high - REACH)
    high = interval.high if math.isfinite(interval.high) else max(REACH, low + REACH)
    inset = INSET * (high - low) if interval.open else 0.0
    ends = (low + inset * math.isfinite(interval.low), high - inset * math.isfinite(interval.high))
    sides = [kink + side for kink in kinks if ends[0] < kink < ends[1] for side in (-JUMP, JUMP)]
    even = np.linspace(*ends, POINTS)
    return np.unique(np.concatenate([even[~np.isin(even, kinks)], sides]))


def _kinks_inside(kinks: Sequence[float], xs: Array) -> list[float]:
    return [kink for kink in kinks if xs[0] < kink < xs[-1]]


def _interrupt_at_kinks(
    xs: Array, values: Array, slopes: Array | None, kinks: Sequence[float]
) -> tuple[Array, Array, Array | None]:
    """The samples with NaN at each kink and where the value is not finite, which interrupts the line."""
    places = np.searchsorted(xs, kinks)
    curves = [np.where(np.isfinite(y), y, np.nan) for y in (values, *([] if slopes is None else [slopes]))]
    held = [np.insert(y, places, [_joint(y, place) for place in places]) for y in curves]
    return np.insert(xs, places, kinks), held[0], held[1] if slopes is not None else None


def _joint(curve: Array, place: int) -> float:
    """The value at a kink if both sides meet there, else NaN."""
    before, after = curve[place - 1], curve[place]
    apart = abs(after - before) > 1e-3 * max(1.0, abs(before), abs(after))
    return math.nan if apart or not math.isfinite(before + after) else float(before + after) / 2


WIDTH, HEIGHT = 400, 246
LEFT, RIGHT, HEAD, FOOT = 40, 14, 28, 36
"""Of the picture and its margins, in pixels: half a page of the docs, so that it is shown without being shrunk."""

TALL = 12.0
"""Range of values beyond which a picture shows from -TALL/2 to TALL/2: at the scale of a pole nothing else is seen."""

DASHES = ("", "6 4", "2 3")
"""Of the lines of a first, second and third target."""


def curves_svg(title: str, name: str, curves: Sequence[Curve], value: str = "h") -> str:
    """The picture of curves over the variable `name`; `value` is the name of the function."""
    colour = THEMES["light"]
    frame = _Frame(curves)
    lines = []
    for curve, dash in zip(curves, DASHES, strict=False):
        style = f' stroke-dasharray="{dash}"' if dash else ""
        if curve.slopes is not None:
            lines.append(_line(frame, curve.xs, curve.slopes, colour["gradient"], f' stroke-width="3"{style}'))
        lines.append(_line(frame, curve.xs, curve.values, colour["value"], f' stroke-width="2"{style}'))
    said = f"{title}: value{' and derivative' if any(c.slopes is not None for c in curves) else ''} over {name}"
    return adaptive(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" font-family="Helvetica,Arial,sans-serif" font-size="12"><title>{text(said)}</title>'
        f"<desc>{text('; '.join(_in_words(curve, name, value) for curve in curves), most=1000)}</desc>"
        f"{frame.axes(name)}{''.join(lines)}{_legend(curves, name, value)}</svg>\n"
    )


def _in_words(curve: Curve, name: str, value: str) -> str:
    """A curve for who cannot see it: its ends, and its least and greatest values with where they are."""
    known = np.flatnonzero(np.isfinite(curve.values))
    if not known.size:
        return f"{curve.label or value} has no finite value"
    low, high = (known[pick(curve.values[known])] for pick in (np.argmin, np.argmax))
    first, last, low, high = (
        f"{number_text(curve.values[place])} at {name} = {number_text(curve.xs[place])}"
        for place in (known[0], known[-1], low, high)
    )
    return f"{curve.label or value} leads from {first} to {last}; its least value is {low}, its greatest {high}"


class _Frame:
    """Maps numbers to coordinates of the picture."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.x = (min(float(curve.xs[0]) for curve in curves), max(float(curve.xs[-1]) for curve in curves))
        self.y = _value_range(curves)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The point in pixels."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - FOOT - up * (HEIGHT - FOOT - HEAD)

    def axes(self, name: str) -> str:
        """Lines through 0, or at the edge that is nearest to it; numbers stand outside, where no curve runs."""
        line, muted = THEMES["light"]["frame line"], THEMES["light"]["muted"]
        zero = (min(max(0.0, self.x[0]), self.x[1]), min(max(0.0, self.y[0]), self.y[1]))
        x0, y0 = self.place(*zero)
        right, bottom = WIDTH - RIGHT, HEIGHT - FOOT
        parts = [f'<path d="M{LEFT} {y0:.1f}H{right}M{x0:.1f} {bottom}V{HEAD}" stroke="{line}" fill="none"/>']
        parts += [
            _text_tag(self.place(tick, 0)[0], bottom + 14, number_text(tick), muted, "middle")
            for tick in _ticks(*self.x)
        ]
        parts += [
            _text_tag(LEFT - 3, self.place(0, tick)[1] + 4, number_text(tick), muted, "end") for tick in _ticks(*self.y)
        ]
        parts.append(_text_tag((LEFT + right) / 2, HEIGHT - 5, name, THEMES["light"]["ink"], "middle"))
        return "".join(parts)


def _text_tag(x: float, y: float, words: str, colour: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text(words)}</text>'


def _value_range(curves: Sequence[Curve]) -> tuple[float, float]:
    """The range of values that the picture shows, 0 among them."""
    kept = [samples for curve in curves for samples in (curve.values, curve.slopes) if samples is not None]
    numbers = np.concatenate(kept)
    numbers = numbers[np.isfinite(numbers)]
    low, high = min(float(numbers.min()), 0.0), max(float(numbers.max()), 0.0)
    if high - low > TALL:
        inside = np.abs(numbers) <= TALL / 2
        if inside.mean() > 0.4:  # else the function lives at another scale, as degrees do
            low, high = max(low, -TALL / 2), min(high, TALL / 2)
        else:
            low, high = (min(float(np.quantile(numbers, 0.02)), 0.0), max(float(np.quantile(numbers, 0.98)), 0.0))
    room = 0.06 * (high - low or 1.0)
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers in a range."""
    step = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(step * factor for factor in (10, 5, 2, 1) if (high - low) / (step * factor) >= 3 or factor == 1)
    return [round(step * k, 12) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _line(frame: _Frame, xs: Array, ys: Array, colour: str, style: str) -> str:
    """A path, interrupted where a value is missing, leaves the picture, or jumps from above it to below it."""
    low, high = frame.y
    pieces, is_open = [], False
    for place, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if not low <= y <= high:
            neighbours = [ys[near] for near in (place - 1, place + 1) if 0 <= near < len(ys)]
            if not math.isfinite(y) or not any(low <= near <= high for near in neighbours):
                is_open = False
                continue
        down, up = frame.place(float(x), min(max(float(y), low), high))
        pieces.append(f"{'L' if is_open else 'M'}{down:.1f} {up:.1f}")
        is_open = low <= y <= high or not is_open
    return f'<path d="{"".join(pieces)}" fill="none" stroke="{colour}"{style}/>'


_SAMPLE = 23.0
"""Pixels of the line before a word of the legend, and between both."""


def _legend(curves: Sequence[Curve], name: str, value: str) -> str:
    """The meaning of the lines, in the head of the picture."""
    entries: list[tuple[str, str, str]] = []
    for curve, dash in zip(curves, DASHES, strict=False):
        style = f' stroke-dasharray="{dash}"' if dash else ""
        where = f", {curve.label}" if curve.label else ""
        entries.append((f"{value}{where}", "value", style))
        entries += [(f"d{value}/d{name}", "gradient", style)] * (curve.slopes is not None)
    needed = sum(_SAMPLE + text_width(words, 12) for words, *_ in entries)
    gap = min(15.0, max(0.0, (WIDTH - LEFT - needed) / len(entries)))
    parts, x = [], float(LEFT)
    for words, role, style in entries:
        parts.append(f'<path d="M{x:.0f} 13h18" stroke="{THEMES["light"][role]}" stroke-width="2"{style}/>')
        parts.append(_text_tag(x + _SAMPLE, 17, words, THEMES["light"]["ink"], "start"))
        x += _SAMPLE + text_width(words, 12) + gap
    return "".join(parts)
