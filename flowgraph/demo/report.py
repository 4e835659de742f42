"""The report of the demo: the digits, the mistakes, what the first layer looks at, the curves, the other pages."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from flowgraph.box import Array
from flowgraph.demo.digits import CLASSES, SIDE, Examples, Network, Split
from flowgraph.demo.summary import Settings, Summary
from flowgraph.graph.table import HEADINGS, graph_rows
from flowgraph.markup import folded, text
from flowgraph.reports.confusion import confusion_table
from flowgraph.reports.images import image, ink, signed
from flowgraph.reports.page import figure, report_page, scrolling_table, settings_table
from flowgraph.training.history import findings_html

SHOWN = 40
"""Test examples that the page shows, the first of them: none is picked."""

DARKEST = 16.0
"""The largest value of a pixel in the data."""

PAGES = {
    "steps.html": "Step through fprop and bprop",
    "backprop.html": "The derivation of every gradient",
    "values.svg": "Values and gradients in the graph",
    "gradients.svg": "Where gradients vanish or explode",
    "graph.svg": "Flow graph",
    "steps.svg": "fprop and bprop, animated",
    "learning_curve.svg": "Learning curve",
}
"""What lies beside the page."""


def demo_page(network: Network, split: Split, settings: Settings, summary: Summary, pictures: dict[str, str]) -> str:
    """The page as text; `pictures` are SVG by the names of their files, "graph.svg" and "learning_curve.svg"."""
    f = network.probabilities(split.test)
    counts = " / ".join(f"{len(part):,}" for part in (split.train, split.valid, split.test))
    tiles = [
        ("test error", f"{summary.test_error:.1%}"),
        (f"validation error, epoch {summary.best.number}", f"{summary.best.valid_error:.1%}"),
        ("examples to train, validate, test", counts),
        ("comparisons of gradients, none wrong", f"{summary.check.comparisons:,}"),
        ("checking and training", f"{summary.seconds:.1f} s"),
    ]
    sections = [
        ("Digits", digits(split, f)),
        ("Mistakes", mistakes(split, f)),
        ("What the first layer looks at", first_layer(network.mlp.weights[0].value, network.mlp.weights[1].value)),
        ("Learning curve", figure(pictures["learning_curve.svg"], "curve", "learning curve")
         + findings_html(summary.history.diagnosis.findings)),
        ("Flow graph", figure(pictures["graph.svg"], "graph", "flow graph")
         + folded("all boxes as a table", scrolling_table(HEADINGS, graph_rows(network.graph), 4))),
        ("Gradient check", _CHECKED + summary.check._repr_html_()),
        ("Settings", settings_table(asdict(settings).items())),
    ]  # fmt: skip
    return report_page("flowgraph demo: handwritten digits", _LEAD, tiles, PAGES.items(), sections)


_LEAD = """A network with one hidden layer learns to read handwritten digits. Every operation is a box with
<code>fprop</code> and <code>bprop</code>; gradients flow through the graph below in the reverse of its order."""

_CHECKED = """<p>Before training, each box was checked where it stands, then each parameter through the whole graph:
slopes along random directions by <code>bprop</code> and by central differences, each with its own error bar.</p>"""


def digits(split: Split, f: Array) -> str:
    """The first test examples with the predicted digit and its probability."""
    shown = [_digit(split, f, place) for place in range(min(SHOWN, len(split.test)))]
    return (
        f'<p class="muted">The first {len(shown)} of the {len(split.test)} test images, {SIDE} x {SIDE} pixels each, '
        f'with the predicted digit and its probability.</p><ul class="images">{"".join(shown)}</ul>'
    )


def mistakes(split: Split, f: Array) -> str:
    """All test examples whose predicted digit is wrong, and the table of confusions."""
    predicted, test = f.argmax(axis=1), split.test
    wrong = [_digit(split, f, int(place)) for place in np.flatnonzero(predicted != test.digits)]
    found = (
        f"All {len(wrong)} test images whose predicted digit is wrong, with the probability of the prediction."
        if wrong
        else "No test image is predicted wrongly."
    )
    confusions = confusion_table([str(digit) for digit in range(CLASSES)], test.digits, predicted)
    return f'<p class="muted">{found}</p><ul class="images">{"".join(wrong)}</ul>{confusions}'


def first_layer(weights: Array, outgoing: Array) -> str:
    """The weights into each hidden unit as an image, the units with the largest outgoing weights first."""
    influence = np.linalg.norm(outgoing, axis=1)
    shown = [
        f"<li>{image(signed(weights[:, unit].reshape(SIDE, SIDE)), f'weights into hidden unit {unit}', 48)}</li>"
        for unit in np.argsort(-influence, kind="stable")
    ]
    return (
        f'<p class="muted">An image for each of the {len(shown)} hidden units: its weights from the {SIDE} x {SIDE} '
        f"pixels, orange where ink raises the unit, blue where ink lowers it; the largest weight of a unit has full "
        f"colour. Units with the largest weights to the output come first.</p>"
        f'<ul class="images weights">{"".join(shown)}</ul>'
    )


def _digit(split: Split, f: Array, place: int) -> str:
    """A test example: its image, its digit and, where it is another, the predicted one."""
    truth, read = int(split.test.digits[place]), int(f[place].argmax())
    said = f"{truth}" if read == truth else f'<span class="bad">{truth} read as {read}</span>'
    shown = image(ink(pixels(split, split.test, place), DARKEST), f"a handwritten {truth}", 48, "ink")
    return f"<li>{shown}{said}<br><small>{text(f'{f[place, read]:.0%}')}</small></li>"


def pixels(split: Split, examples: Examples, place: int) -> Array:
    """The image of an example as it was scanned, from 0 to 16."""
    return split.scanned(examples.images[place]).reshape(SIDE, SIDE)
