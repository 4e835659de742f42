"""flowgraph check: the gradient checker on the command line, as text, JSON, or annotations of a GitHub workflow."""

from __future__ import annotations

import functools
import json
import math
import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from flowgraph.box import Box
from flowgraph.checking.check import check as check_gradients
from flowgraph.checking.check import checked, place_of
from flowgraph.checking.point import generator
from flowgraph.checking.report import EXAMPLE_ONLY, VERDICTS, Report
from flowgraph.checking.scope import EFFORTS
from flowgraph.cli.ends import DONE, FAILED, UNDECIDED, WRONG, ToRead, line_of
from flowgraph.cli.locate import arguments_of, locate, on_inputs, read_feeds
from flowgraph.graph import Graph
from flowgraph.printable import shortened

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
        verdict = next(known for known in VERDICTS if known in verdicts)
        if self.form == "json":
            click.echo(self._json(verdict))
        elif len(self.reports) > 1:
            counts = {known: sum(report.verdict == known for _, report in self.reports) for known in reversed(VERDICTS)}
            ordered = {known: counts[known] for known in ("pass", "fail", "undecided", EXAMPLE_ONLY)}
            click.echo(", ".join(f"{count} {known}" for known, count in ordered.items() if count))
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
    place = place_of(thing)
    if place is None:
        return ""
    file, here = Path(place[0]), Path.cwd()
    shown = os.fspath(file.relative_to(here)) if file.is_relative_to(here) else os.fspath(file)
    return f"file={_escaped(shown, title=True)},line={max(place[1], 1)},"


def _escaped(text: str, title: bool = False) -> str:
    """As a workflow command reads it: one line, and no comma or colon in a property."""
    pairs = [("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), *([(":", "%3A"), (",", "%2C")] if title else [])]
    for plain, escaped in pairs:
        text = text.replace(plain, escaped)
    return text


def _plain(value: object) -> Any:
    """The same without what JSON has no word for: NaN and the infinities become texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


EXIT_CODES = {"pass": DONE, "fail": WRONG, "undecided": UNDECIDED, EXAMPLE_ONLY: UNDECIDED}
FORMATS = ("text", "json", "github")


@click.command()
@click.argument("targets", nargs=-1, required=True)
@click.option("--order", type=click.IntRange(1, 2), default=1, show_default=True, help="2: second derivatives too.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes what is drawn.")
@click.option(
    "--effort",
    type=click.Choice(list(EFFORTS)),
    default="normal",
    show_default=True,
    help="How much processor time each target may take: seconds, up to half a minute for a graph, five times as long.",
)
@click.option("--budget", type=click.IntRange(min=1), metavar="CALLS", help="Largest number of calls of fprop.")
@click.option(
    "--strict/--no-strict",
    default=None,
    help="Whether what fails beyond the example is a failure or a note "
    "[boxes and graphs: a failure; functions: a note].",
)
@click.option(
    "--feeds", type=ToRead(),
    help=".npz with the inputs of a graph, or the arguments of a function, by name.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
    help="github: annotations of a workflow.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_context
def check(
    context: click.Context, /, targets: tuple[str, ...], feeds: Path | None, form: str, as_json: bool, **options: Any
) -> None:  # fmt: skip
    """Are the gradients of TARGETS right, wherever their values are defined?

    A target is mymodule:MyBox, mymodule:graph, path/to/file.py:MyBox, a function without parameters that returns a
    graph, or a tuple of what fg.check takes: a function, a torch module or an autograd.Function, and its arguments, or
    functools.partial(fg.check, forward, x, bprop=backward); a function whose arguments are in --feeds; or a module or a
    file alone, for every box that it defines and every such example. Exit code 0 if
    all pass, 1 if one fails, 2 if none fails but one is undecided or passes on
    its example only, 3 if the check could not be made, 64 for an option
    that is none.
    """
    shown = Shown("json" if as_json else form, options["seed"])
    try:
        arrays = read_feeds(feeds)
        labelled = [pair for target in targets for pair in _labelled(target, bool(arrays))]
        for place, thing in labelled:
            shown.add(place, thing, _checked(thing, arrays, options), alone=len(labelled) == 1)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of the checked code: it must not be taken for a verdict
        line = line_of(error) or (shortened(str(error)) if isinstance(error, ValueError | TypeError) else None)
        shown.failed(traceback.format_exc() if line is None else f"Error: {line}")
        context.exit(FAILED)
    context.exit(EXIT_CODES[shown.end()])


def _labelled(target: str, with_arguments: bool) -> list[tuple[str, Any]]:
    where = target if ":" not in target[2:] else target.rpartition(":")[0]
    return [(f"{where}:{name}", thing) for name, thing in locate(target, with_arguments)]


def _checked(thing: Any, arrays: Mapping[str, Any], options: Mapping[str, Any]) -> Report:
    """The report of fg.check, which the options of the command are given to as they are."""
    if isinstance(thing, tuple | functools.partial):
        return checked(thing, **options)
    if arrays and not isinstance(thing, Graph | Box) and not (isinstance(thing, type) and issubclass(thing, Box)):
        return check_gradients(thing, *arguments_of(thing, arrays), **options)
    if not isinstance(thing, Graph):
        return check_gradients(thing, **options)
    return on_inputs(thing, arrays, generator(options["seed"]), lambda fed: check_gradients(thing, fed, **options))
