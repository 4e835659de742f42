"""The report of a training: did it converge, does it over-fit, what to try next, how the test examples fared."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box import Array
from flowgraph.data import Examples
from flowgraph.experiment.experiment import Experiment
from flowgraph.experiment.folder import RunFolder
from flowgraph.experiment.settings import TrainSettings
from flowgraph.graph.table import HEADINGS, graph_rows
from flowgraph.markup import folded, text
from flowgraph.reports.confusion import confusion_table
from flowgraph.reports.page import figure, report_page, scrolling_table, settings_table
from flowgraph.saving.replacing import replace_file, replace_text
from flowgraph.training.display import history_picture
from flowgraph.training.history import Advice, History, advice_html, findings_html

MOST_DROPOUT = 0.5
"""The largest rate that is advised: the one at which as many units are dropped as are kept."""

Tested = tuple[Array, Examples]
"""The output for the test examples, and these."""


def write_report(
    experiment: Experiment, run: RunFolder, history: History, tiles: list[tuple[str, str]], tested: Tested | None
) -> list[Path]:
    """Write both pictures and the page that shows them."""
    graph, curve = experiment.predictor.to_svg(), history_picture(history, ".svg")
    mlp, settings = experiment.mlp, experiment.settings
    count = sum(parameter.value.size for parameter in mlp.parameters)
    title = f"{Path(settings.source).name}: {' → '.join(map(str, mlp.sizes))}, {count:,} parameters"
    lead = (
        f"{text(history.ended)}; the network is that of epoch {history.best.number}, the best by the\n"
        f"{text(history.watch)} of the validation examples."
    )
    sections = [
        ("What the curves say", findings_html(history.diagnosis.findings) + advice_of_run(history, settings, run)),
        ("Learning curve", figure(curve.decode(), "curve", "learning curve")),
        ("Test examples", _test_section(experiment, tested)),
        ("Flow graph", figure(graph, "graph", "flow graph")
         + folded("all boxes as a table", scrolling_table(HEADINGS, graph_rows(experiment.predictor), 4))),
        ("Settings", settings_section(settings)),
    ]  # fmt: skip
    links = [(path.name, what) for path, what in (
        (run.history, "Every epoch as a table"), (run.curve_picture, "Learning curve"),
        (run.graph_picture, "Flow graph"), (run.config, "Settings as JSON"), (run.result, "Result as JSON"),
    )]  # fmt: skip
    return [
        replace_text(run.graph_picture, graph),
        replace_file(run.curve_picture, curve),
        replace_text(run.report, report_page(title, lead, tiles, links, sections)),
    ]


def advice_of_run(history: History, settings: TrainSettings, run: RunFolder) -> str:
    """What to try next, with the options of the command line that do it."""
    return advice_html([_line(one, settings, run) for one in history.diagnosis.advice])


def _line(advice: Advice, settings: TrainSettings, run: RunFolder) -> str:
    options = _options(advice, settings)
    if not options:
        return text(advice.text)
    command = (
        f"flowgraph train --resume {options} -o {shlex.quote(str(run.path))}" if advice.setting == "epochs" else options
    )
    return f"{text(advice.text)}: <code>{text(command)}</code>"


def _options(advice: Advice, settings: TrainSettings) -> str:
    """The option that changes a setting by the factor; empty where the advice names none or it would change nothing."""
    if advice.setting is None:
        return ""
    now = settings.update_rule.default_rate if settings.learning_rate is None else settings.learning_rate
    found = now if advice.setting == "learning_rate" else getattr(settings, advice.setting)
    if isinstance(found, tuple):
        value = ",".join(f"{round(size * advice.factor)}" for size in found)
    elif isinstance(found, int):
        value = f"{round(found * advice.factor)}"
    else:
        value = f"{found * advice.factor if found else advice.start:.3g}"
    if advice.setting == "dropout":
        value = f"{min(float(value), MOST_DROPOUT):.3g}"
    unchanged = not value or value == f"{found}"
    return "" if unchanged else f"--{advice.setting.replace('_', '-')} {value}"


def _test_section(experiment: Experiment, tested: Tested | None) -> str:
    """How the test examples fared: by class, or the spread of the errors of numbers."""
    if tested is None:
        return ""
    output, test = tested
    if experiment.classes:
        return confusion_table(test.classes, test.y, output.argmax(axis=1))
    wrong = np.abs(output - test.y)
    rows = [(f"{share:.0%} of the examples", f"{np.quantile(wrong, share):.4g}") for share in (0.5, 0.9, 1.0)]
    spread = float(np.std(test.y))
    told = f"The test targets have a standard deviation of {spread:.4g}: what the mean as the only answer would err by."
    return f'<p class="muted">{text(told)}</p>' + scrolling_table(("of", "error at most"), rows, 1)


def settings_section(settings: TrainSettings, without: Collection[str] = ()) -> str:
    """The settings that were chosen, and folded away all others; those in `without` are left out."""
    shown: dict[str, Any] = settings.as_dict()
    usual = {field.name: field.default for field in fields(settings)}
    if settings.learning_rate is None:
        shown["learning_rate"] = f"{settings.update_rule.default_rate:g}, the usual one of {settings.rule}"
    names = [name for name in shown if name not in without]
    chosen = [(name, shown[name]) for name in names if getattr(settings, name) != usual[name]]
    others = [(name, shown[name]) for name in names if getattr(settings, name) == usual[name]]
    return settings_table(chosen) + folded("all others, at their defaults", settings_table(others))
