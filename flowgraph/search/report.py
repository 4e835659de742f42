"""The report of a search: which trial was best and why, where to look next, every trial."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from flowgraph.experiment.report import settings_section
from flowgraph.reports.page import figure, report_page, scrolling_table
from flowgraph.saving.replacing import replace_text
from flowgraph.search.diagnosis import value_text
from flowgraph.search.result import SearchResult, search_picture
from flowgraph.training.history import advice_html, findings_html

if TYPE_CHECKING:
    from flowgraph.experiment.settings import TrainSettings
    from flowgraph.experiment.training import Outcome


def write_search_report(
    result: SearchResult, outcome: Outcome, base: TrainSettings, path: str | os.PathLike[str]
) -> Path:
    """Write the page into the folder of the search, beside trials.csv, search.svg and best/."""
    states = [trial.state for trial in result.trials]
    tiles = [
        (f"best {result.measure}, trial {result.best.number}", f"{result.best.value:.4g}"),
        ("validation error", outcome.words(outcome.valid_error)),
        ("test error", outcome.words(outcome.test_error)),
        ("complete, pruned, failed", " / ".join(str(states.count(one)) for one in ("complete", "pruned", "failed"))),
        ("all trials", f"{sum(trial.seconds or 0 for trial in result.trials):.1f} s"),
    ]
    found = result.diagnosis
    links = [("best/report.html", "The report of the best network"), ("trials.csv", "Every trial as a table"),
             ("search.svg", "The picture of the search")]  # fmt: skip
    sections = [
        ("What the trials say",
         findings_html(found.findings) + advice_html([escape(one.text) for one in found.advice])),
        ("Trials", figure(search_picture(result, ".svg").decode(), "search", "values of the trials", _LEGEND)),
        ("Every trial", trials_table(result)),
        ("Settings of all trials", settings_section(base, without=result.spaces[0])),
    ]  # fmt: skip
    title = f"Search for {Path(base.source).name}: {len(result.trials)} trials"
    lead = "Trials are compared by the validation examples; the test examples were opened once, for the best network."
    return replace_text(path, report_page(title, lead, tiles, links, sections))


_LEGEND = """Each point is a trial: filled where it came to its end, hollow where it was pruned, then at the best value
that it had reached; the ring is the best one. In the first panel the line is the best value so far."""


def trials_table(result: SearchResult) -> str:
    """A row per trial, the best first; columns in which nothing stands are left out."""
    rows = [{**row, "round": row["round"] + 1} for row in result.rows()]
    names = ["trial", "round", result.measure, *result.spaces[0], "state", "seconds", "reason"]
    left_out = {"round"} if len(result.spaces) == 1 else set()
    left_out |= {name for name in names if all(row[name] in (None, "") for row in rows)}
    names = [name for name in names if name not in left_out]
    cells = [["" if row[name] is None else value_text(row[name]) for name in names] for row in rows]
    return scrolling_table([name.replace("_", " ") for name in names], cells)
