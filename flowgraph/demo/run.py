"""The demo from the first line to the last: load, build, check, train, choose, test, write."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flowgraph.checking import Report, check
from flowgraph.demo.digits import Network, Split, build_network, load_split
from flowgraph.demo.pictures import write_pictures
from flowgraph.demo.report import demo_page
from flowgraph.demo.summary import Settings, Summary
from flowgraph.saving.lock import held_folder
from flowgraph.saving.replacing import replace_file, replace_text
from flowgraph.training import EarlyStopping, Epoch, History, Momentum, Problem, fit
from flowgraph.training.display import history_picture

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
    report.raise_for_failure()
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
