"""`flowgraph demo`: the lecture's network learns real handwritten digits, after every gradient was checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Array, Box
from flowgraph.box.leaves import Input
from flowgraph.boxes import L2, SoftmaxCrossEntropy, mean
from flowgraph.boxes.neural.softmax import softmax
from flowgraph.checking import Report, check
from flowgraph.graph import Graph
from flowgraph.graph.table import HEADINGS, graph_rows
from flowgraph.markup import fold_text, text
from flowgraph.saving.lock import held_folder
from flowgraph.saving.replacing import replace_file, replace_text
from flowgraph.training import MLP, EarlyStopping, Epoch, History, Momentum, Problem, fit
from flowgraph.training.display import history_picture
from flowgraph.training.history import findings_html
from flowgraph.training.report_page import (
    confusion_table,
    draw_signed,
    figure,
    image,
    ink,
    report_page,
    scrolling_table,
    settings_table,
)

SIDE = 8
PIXELS, CLASSES = SIDE * SIDE, 10
VALID, TEST = 300, 300
SCALE = 8.0
"""What pixels are divided by, so that they are about 1 in size."""


@dataclass(frozen=True)
class Examples:
    """Images in rows, and their digits."""

    images: Array
    digits: Array

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Split:
    """Disjoint examples: to train on, to choose the epoch by, to report the error on."""

    train: Examples
    valid: Examples
    test: Examples
    mean_image: Array

    def restore_pixels(self, images: Array) -> Array:
        """Images as they were scanned, pixels from 0 to 16, of images as the network is fed them."""
        return SCALE * images + self.mean_image


def load_split(seed: int) -> Split:
    """The 1,797 digits in an order that the seed fixes: the last 300 for the test, 300 before them to validate.

    Pixels go from 0 to 16; the mean of the training images is subtracted, and they are divided by 8.
    """
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(images))
    train, valid, test = np.split(order, [len(order) - VALID - TEST, len(order) - TEST])
    mean_image = images[train].mean(axis=0)

    def part(rows: Array) -> Examples:
        return Examples((images[rows] - mean_image) / SCALE, digits[rows])

    return Split(part(train), part(valid), part(test), mean_image)


@dataclass(frozen=True)
class Network:
    """The network, its inputs, its probabilities and the objective that is minimised."""

    mlp: MLP
    x: Input
    y: Input
    f: Box
    objective: Box

    @property
    def graph(self) -> Graph:
        """Objective and probabilities in one graph."""
        return Graph(self.objective, self.f)

    def probabilities(self, examples: Examples) -> Array:
        """The probability of each digit, shape (examples, 10)."""
        f: Array = Graph(self.f).fprop({self.x: examples.images}).outputs[0]
        return f

    def error(self, examples: Examples) -> float:
        """The share of the examples whose most probable class is not theirs."""
        return float(np.mean(self.probabilities(examples).argmax(axis=1) != examples.digits))


def build_network(hidden: int, regularization: float, seed: int) -> Network:
    """Rectified linear units, a softmax; mean negative log-likelihood plus λ times the sum of the squared weights."""
    x = Input("x", shape=("N", PIXELS))
    y = Input("y", shape=("N",), dtype=int)
    mlp = MLP([PIXELS, hidden, CLASSES], hidden="relu", output="softmax", rng=seed)
    a = mlp.logits(x)
    loss: Any = SoftmaxCrossEntropy(a, y, name="loss")
    penalty: Any = L2(*mlp.weights, name="Ω")
    objective = mean(loss) + regularization * penalty
    return Network(mlp, x, y, softmax(a).named("f"), objective.named("objective"))


@dataclass(frozen=True)
class Settings:
    """The settings of the demo; the seed fixes the split, the initial weights and the order of the examples."""

    seed: int = 0
    epochs: int = 40
    hidden: int = 128
    batch_size: int = 32
    learning_rate: float = 0.1
    momentum: float = 0.9
    regularization: float = 1e-3


@dataclass(frozen=True)
class Summary:
    """What came out: the error on the test examples at the epoch with the best validation error."""

    test_error: float
    history: History
    check: Report
    seconds: float
    files: tuple[Path, ...]

    @property
    def best(self) -> Epoch:
        """The epoch with the smallest validation error."""
        return self.history.best


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
         + fold_text("all boxes as a table", scrolling_table(HEADINGS, graph_rows(network.graph), 4))),
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
    lead = (
        f"All {len(wrong)} test images whose predicted digit is wrong, with the probability of the prediction."
        if wrong
        else "No test image is predicted wrongly."
    )
    confusions = confusion_table([str(digit) for digit in range(CLASSES)], test.digits, predicted)
    return f'<p class="muted">{lead}</p><ul class="images">{"".join(wrong)}</ul>{confusions}'


def first_layer(weights: Array, outgoing: Array) -> str:
    """The weights into each hidden unit as an image, the units with the largest outgoing weights first."""
    influence = np.linalg.norm(outgoing, axis=1)
    shown = [
        f"<li>{image(draw_signed(weights[:, unit].reshape(SIDE, SIDE)), f'weights into hidden unit {unit}', 48)}</li>"
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
    return split.restore_pixels(examples.images[place]).reshape(SIDE, SIDE)


SHOWN_EXAMPLES = 32  # one batch of the training


def write_pictures(network: Network, examples: Examples, out: Path) -> tuple[Path, ...]:
    """Write them, and return their paths."""
    graph = Graph(network.objective)
    run = graph.fprop({network.x: examples.images[:SHOWN_EXAMPLES], network.y: examples.digits[:SHOWN_EXAMPLES]})
    grads = run.bprop(keep="all")
    return (
        graph.render(out / "values.svg", view="values", run=run, grads=grads),
        graph.render(out / "gradients.svg", view="gradients", run=run, grads=grads),
        graph.animate(out / "steps.svg", run, grads),
        graph.animate(out / "steps.html", run, grads),
        graph.explain(out / "backprop.html"),
    )


CHECKED_EXAMPLES = 20  # twice as many as there are classes


def run_demo(settings: Settings, out: Path, on_epoch: Callable[[Epoch], Any] = lambda epoch: None) -> Summary:
    """Run the demo, write its files, and return what came out; two at a time do not share a folder."""
    started = time.perf_counter()
    with held_folder(out):
        split = load_split(settings.seed)
        network = build_network(settings.hidden, settings.regularization, settings.seed)
        report = check_gradients(network, split)
        history = train(network, split, settings, on_epoch)
        if history.ended == "ended: interrupted":
            raise KeyboardInterrupt  # a network that was trained for less is not the demo's
        test_error = network.error(split.test)
        seconds = time.perf_counter() - started
        summary = Summary(test_error, history, report, seconds, ())
        return replace(summary, files=write(network, split, settings, summary, out))


def check_gradients(network: Network, split: Split) -> Report:
    """Check the gradient of every box in place and of every parameter on some examples; stop where one is wrong."""
    feeds = {network.x: split.train.images[:CHECKED_EXAMPLES], network.y: split.train.digits[:CHECKED_EXAMPLES]}
    report: Report = check(network.graph, feeds)
    report.raise_for_failure(allow="undecided")  # on a busy machine the time may end before the last box
    return report


def train(network: Network, split: Split, settings: Settings, on_epoch: Callable[[Epoch], Any]) -> History:
    """Train, and leave the network with the parameters of the epoch with the smallest validation error."""
    train, valid = ({network.x: part.images, network.y: part.digits} for part in (split.train, split.valid))
    return fit(
        Problem(network.objective),
        train,
        valid,
        epochs=settings.epochs,
        rule=Momentum(settings.momentum),
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        early_stopping=EarlyStopping(patience=None, watch="error"),
        seed=settings.seed,
        progress=False,
        callbacks=[lambda trainer, epoch: on_epoch(epoch)],
    )


def write(network: Network, split: Split, settings: Settings, summary: Summary, out: Path) -> tuple[Path, ...]:
    """Write the pictures and the report that shows two of them and links the others."""
    drawn = network.graph.to_svg()
    graph = replace_text(out / "graph.svg", drawn)
    others = write_pictures(network, split.test, out)
    curve = history_picture(summary.history, ".svg")
    pictures = {"graph.svg": drawn, "learning_curve.svg": curve.decode()}
    page = demo_page(network, split, settings, summary, pictures)
    written = replace_file(out / "learning_curve.svg", curve), replace_text(out / "report.html", page)
    return graph, *others, *written
