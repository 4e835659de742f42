"""What `flowgraph check` prints: text, JSON, or annotations of a GitHub workflow."""

from __future__ import annotations

import inspect
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from flowgraph.checking.check import target_of
from flowgraph.checking.report import EXAMPLE_ONLY, VERDICTS, Report

COLOURS = {"PASS": "green", "FAIL": "red"}  # the others are yellow
LEVELS = {"fail": "error", "undecided": "warning", EXAMPLE_ONLY: "warning"}


class Shown:
    """Reports in one of the forms, as they come; JSON at the end, when it is whole."""

    def __init__(self, form: str, seed: int) -> None:
        self.form = form
        self.seed = seed
        self.reports: list[tuple[str, Report]] = []

    def add(self, place: str, thing: Any, report: Report, alone: bool) -> None:
        """The report of one target; a pass among several is one line."""
        self.reports.append((place, report))
        if self.form == "github":
            for line in github_lines(place, thing, report):
                click.echo(line)
        if self.form != "json":
            click.echo(coloured(f"{place}: PASS" if report.passed and not alone else str(report)))

    def failed(self, text: str) -> None:
        """The check could not be made; what was found before is part of the JSON."""
        click.echo(text, err=True)
        if self.form == "json":
            click.echo(self._json("error", error=text.strip()))
        if self.form == "github":
            click.echo(f"::error title=flowgraph check could not be made::{_escaped(text.strip())}")

    def end(self) -> str:
        """The worst verdict, when all is shown."""
        verdicts = {report.verdict for _, report in self.reports}
        verdict = next(one for one in VERDICTS if one in verdicts)
        if self.form == "json":
            click.echo(self._json(verdict))
        elif len(self.reports) > 1:
            counts = {one: sum(report.verdict == one for _, report in self.reports) for one in reversed(VERDICTS)}
            ordered = {one: counts[one] for one in ("pass", "fail", "undecided", EXAMPLE_ONLY)}
            click.echo(", ".join(f"{count} {one}" for one, count in ordered.items() if count))
        return verdict

    def _json(self, verdict: str, **more: str) -> str:
        reports = [{"target": place, **report.as_dict()} for place, report in self.reports]
        return json.dumps(_plain({"verdict": verdict, "seed": self.seed, **more, "reports": reports}), indent=2)


def coloured(text: str) -> str:
    """The text with its verdict in colour, which click takes out again where no terminal reads it."""
    first, end, rest = text.partition("\n")
    name, _, verdict = first.rpartition(": ")
    return f"{name}: {click.style(verdict, fg=COLOURS.get(verdict, 'yellow'), bold=True)}{end}{rest}"


def github_lines(place: str, thing: object, report: Report) -> list[str]:
    """A line for each failure, at the source of the target; one where it is undecided."""
    if report.verdict not in LEVELS:
        return []
    where = f"{_source(thing)}title={_escaped(report.name, title=True)}: gradient {report.verdict}"
    texts = [str(failure) for failure in report.failures] or [f"{place}: {'; '.join(report.warnings)}"]
    return [f"::{LEVELS[report.verdict]} {where}::{_escaped(text)}" for text in texts]


def _source(thing: object) -> str:
    """file=...,line=..., where the source of the target is known."""
    target = target_of(thing)
    owner = target if inspect.isclass(target) or inspect.isroutine(target) else type(target)
    try:
        path, line = inspect.getsourcefile(owner), inspect.getsourcelines(owner)[1]
    except (OSError, TypeError):
        return ""
    here = Path.cwd()
    found = Path(str(path))
    shown = os.fspath(found.relative_to(here)) if found.is_relative_to(here) else os.fspath(found)
    return f"file={_escaped(shown, title=True)},line={max(line, 1)},"


def _escaped(text: str, title: bool = False) -> str:
    """As a workflow command reads it: one line, and no comma or colon in a property."""
    pairs = [("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), *([(":", "%3A"), (",", "%2C")] if title else [])]
    for plain, escaped in pairs:
        text = text.replace(plain, escaped)
    return text


def _plain(value: object) -> Any:
    """The same without what JSON has no word for: NaN and the infinities become texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
