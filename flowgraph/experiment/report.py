"""The pictures and the report of a run: one self-contained page, for light and dark screens."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.data import Examples
from flowgraph.demo.report import STYLE, inline, table
from flowgraph.experiment.experiment import Experiment
from flowgraph.experiment.folder import RunFolder
from flowgraph.graph.table import HEADINGS, graph_rows
from flowgraph.printable import printable
from flowgraph.rendering.page import styled_page
from flowgraph.saving.replacing import replace_file, replace_text
from flowgraph.training.history import History
from flowgraph.training.history_plot import picture

_CONFUSION = 20
"""Classes up to which the table of confusions fits a page."""


def write_report(
    experiment: Experiment, run: RunFolder, history: History, tiles: list[tuple[str, str]], tested: Any
) -> list[Path]:
    """Write both pictures and the page that shows them; `tested` is the output for the test examples, and these."""
    graph, curve = experiment.predictor.to_svg(), picture(history, ".svg")
    title = f"{Path(experiment.settings.source).name}: {experiment.mlp!r}".replace("<MLP ", "").rstrip(">")
    settings = [(name.replace("_", " "), str(value)) for name, value in experiment.settings.as_dict().items()]
    sections = [
        ("Learning curve", f"<figure>{inline(curve.decode(), 'curve')}</figure>"),
        ("Flow graph", f"<figure>{inline(graph, 'graph')}</figure>"),
        ("Test examples by class", _confusion(*tested) if tested and experiment.classes else ""),
        ("Boxes", _scrolling(table(HEADINGS, graph_rows(experiment.predictor), 4))),
        ("Settings", _scrolling(table(("setting", "value"), settings, 2))),
    ]
    chapters = "\n".join(f"<h2>{heading}</h2>\n{content}" for heading, content in sections if content)
    body = f"""<h1>{escape(title)}</h1>
<p class="muted">{escape(history.ended)}; the network is that of epoch {history.best.number}, the best by the
{escape(history.watch)} of the validation examples.</p>
<div class="tiles">{"".join(_tile(*tile) for tile in tiles)}</div>
{chapters}"""
    return [
        replace_text(run.graph_picture, graph),
        replace_file(run.curve_picture, curve),
        replace_text(run.report, styled_page(title, STYLE, body)),
    ]


def _tile(name: str, value: str) -> str:
    return f'<div class="tile"><b>{escape(printable(value))}</b><span>{escape(printable(name))}</span></div>'


def _scrolling(content: str) -> str:
    return f'<div class="scroll">{content}</div>'


def _confusion(output: Any, test: Examples) -> str:
    """A row per true class, a column per predicted class; nothing where there are too many to read."""
    count = len(test.classes)
    if count > _CONFUSION:
        return ""
    counts = np.zeros((count, count), int)
    np.add.at(counts, (test.y, output.argmax(axis=1)), 1)
    rows = [
        (name, *map(str, row), f"{row[i] / row.sum():.1%}" if row.sum() else "")
        for i, (name, row) in enumerate(zip(test.classes, counts, strict=True))
    ]
    return _scrolling(table(("true class", *test.classes, "found"), rows, 1))
