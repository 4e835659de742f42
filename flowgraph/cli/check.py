"""flowgraph check: the gradient checker on the command line, as text, JSON, or annotations of a GitHub workflow."""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import click
import numpy as np

from flowgraph.box import Box, Leaf
from flowgraph.checking.check import check as check_gradients
from flowgraph.checking.code_contents import reachable_values
from flowgraph.checking.examples import NEEDED, check_example, classes_of, is_checkable, load, place_of, targets_of
from flowgraph.checking.point import generator
from flowgraph.checking.report import DOUBTS, EXAMPLE_ONLY, VERDICTS, Doubt, Report
from flowgraph.checking.scope import EFFORTS
from flowgraph.checking.target import attribute, name_of, parameter_names
from flowgraph.cli.ends import DONE, FAILED, UNDECIDED, WRONG, ToRead, line_of
from flowgraph.data.preparation import read_npz
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.printable import shorten_text

_R = TypeVar("_R")


def locate(place: str, with_arguments: bool = False) -> list[tuple[str, Any]]:
    """The targets of a place with their names: one with a name after the colon, all of the module without it.

    These are the boxes that it defines, and the examples that it has at its top. A function `with_arguments` is a
    target itself; without them it is called for one.
    """
    where, _, name = place.rpartition(":") if ":" in place[2:] else (place, "", "")  # C:\\boxes.py has no name
    module = load(where)
    return [(name, _find_target(module, where, name, with_arguments))] if name else _targets_of(module, where)


def _find_target(module: ModuleType, where: str, name: str, with_arguments: bool) -> Any:
    target: Any = module
    for part in name.split("."):
        if not hasattr(target, part):
            there = ", ".join(_names(module)) or "none"
            raise UsageError(f"{where}: has no {name!r}; its targets are {there}")
        target = getattr(target, part)
    if is_checkable(target) or (isinstance(target, tuple) and target and callable(target[0])):
        return target
    if with_arguments and callable(target):
        return target
    if not callable(target) or (inspect.isclass(target) and not hasattr(target, "forward")):
        raise UsageError(f"{where}:{name} is a {type(target).__name__}, needs {NEEDED}")
    needed = _arguments_needed(target)
    if needed:
        raise UsageError(
            f"{where}:{name} is a function of {', '.join(needed)}, and the command line has no values for them; "
            f"give them with --feeds arguments.npz, or name a function without parameters that returns a graph, or a "
            f"tuple of {name} and its arguments"
        )
    return target()


def _names(module: ModuleType) -> list[str]:
    """What a name after the colon may be: box classes that the module defines, and its graphs, boxes and examples."""
    classes = [cls.__qualname__ for cls in classes_of(module)]
    return classes + [
        name
        for name, thing in vars(module).items()
        if is_checkable(thing) and not isinstance(thing, type | Leaf) and not name.startswith("_")
    ]


def _arguments_needed(function: Any) -> list[str]:
    """The arguments without which it cannot be called: those of forward where it has one."""
    forward = getattr(function, "forward", None)
    called = function if forward is None else forward
    parameters = inspect.signature(called).parameters.values()
    needed = [parameter.name for parameter in parameters if parameter.default is parameter.empty
              and parameter.kind.value < 3]  # fmt: skip
    return needed[1:] if forward is not None and inspect.isclass(function) else needed


def _targets_of(module: ModuleType, where: str) -> list[tuple[str, Any]]:
    targets = {cls.__qualname__: cls for cls in classes_of(module)} | targets_of(module)
    if not targets:
        raise UsageError(f"{where}: defines no box class and no example; name what is meant, {where}:graph")
    return list(targets.items())


def on_inputs(graph: Graph, arrays: Mapping[str, Any], rng: np.random.Generator, call: Callable[[Any], _R]) -> _R:
    """What `call` gives for the inputs of a graph by name: arrays, and drawn numbers where there are none."""
    sizes: dict[str, int] = {}
    inputs = {graph.names[box]: box for box in graph.inputs}
    unknown = sorted(arrays.keys() - inputs.keys())
    if unknown:
        raise UsageError(f"the graph has no input {unknown[0]!r}; it has {', '.join(inputs) or 'none'}")
    drawn = [name for name in inputs if name not in arrays]
    fed = {name: _draw_values(box, sizes, rng) if name in drawn else arrays[name] for name, box in inputs.items()}
    try:
        return call(fed)
    except Exception as error:
        if not drawn:
            raise
        raise UsageError(
            f"the graph did not run on numbers drawn for {', '.join(drawn)} ({error}); "
            f"give its inputs with --feeds inputs.npz"
        ) from error


def _draw_values(box: Box, sizes: dict[str, int], rng: np.random.Generator) -> Any:
    """Normal numbers, or the labels 0 and 1; a named axis has one size."""
    shape = tuple(size if type(size) is int else sizes.setdefault(str(size), 3 + len(sizes)) for size in box.shape)
    if box.dtype.kind in "fc":
        return rng.normal(size=shape).astype(box.dtype)
    return rng.integers(0, 2, size=shape).astype(box.dtype)


def read_feeds(feeds: Path | None) -> dict[str, Any]:
    """The arrays of an .npz by name; none without a file."""
    return {} if feeds is None else read_npz(feeds)


def arguments_of(function: Any, arrays: Mapping[str, Any]) -> list[Any]:
    """The arrays of the parameters of a function, tensors where it is torch's, in the order in which it takes them."""
    known = parameter_names(getattr(function, "forward", function), len(arrays) + 1)
    names = [name for name in known if name in arrays]
    if len(names) < len(arrays):
        unknown = next(name for name in arrays if name not in names)
        raise UsageError(f"{name_of(function)} has no argument {unknown!r}; it has {', '.join(known) or 'none'}")
    torch = sys.modules.get("torch")
    if torch is not None and (isinstance(function, torch.nn.Module) or _names_torch(function)):
        return [torch.from_numpy(arrays[name]) for name in names]
    return [arrays[name] for name in names]


def _names_torch(function: Callable[..., Any]) -> bool:
    return any(str(attribute(value, "__name__")).partition(".")[0] == "torch" for value in reachable_values(function))


COLOURS = {"PASS": "green", "FAIL": "red"}  # the others are yellow


class Shown:
    """Reports in one of the forms, as they come; JSON at the end, when it is whole. `allow` are doubts that may be."""

    def __init__(self, form: str, seed: int, allow: tuple[Doubt, ...] = ()) -> None:
        self.form = form
        self.seed = seed
        self.allow = allow
        self.reports: list[tuple[str, Report]] = []

    def add(self, place: str, thing: Any, report: Report, alone: bool) -> None:
        """The report of one target; a pass among several is one line."""
        self.reports.append((place, report))
        if self.form == "github":
            for line in github_lines(place, thing, report, self.allow):
                click.echo(line)
        if self.form != "json":
            click.echo(colour_verdict(f"{place}: PASS" if report.passed and not alone else str(report)))

    def report_failure(self, text: str) -> None:
        """The check could not be made; what was found before is part of the JSON."""
        click.echo(text, err=True)
        if self.form == "json":
            click.echo(self._json("error", error=text.strip()))
        if self.form == "github":
            click.echo(f"::error title=flowgraph check could not be made::{_escape_text(text.strip())}")

    def end(self) -> str:
        """The worst verdict that is not allowed, when all is shown."""
        if self.form == "json":
            click.echo(self._json(_worst(report for _, report in self.reports)))
        elif len(self.reports) > 1:
            counts = {known: sum(report.verdict == known for _, report in self.reports) for known in reversed(VERDICTS)}
            ordered = {known: counts[known] for known in ("pass", "fail", "undecided", EXAMPLE_ONLY)}
            click.echo(", ".join(f"{count} {known}" for known, count in ordered.items() if count))
        return _worst(report for _, report in self.reports if not report.is_green(self.allow))

    def _json(self, verdict: str, **more: str) -> str:
        reports = [{"target": place, **report.as_dict()} for place, report in self.reports]
        return json.dumps(_plain({"verdict": verdict, "seed": self.seed, **more, "reports": reports}), indent=2)


def _worst(reports: Iterable[Report]) -> str:
    """The worst verdict; that of nothing is a pass."""
    verdicts = {report.verdict for report in reports}
    return next(known for known in VERDICTS if known in verdicts or known == "pass")


def colour_verdict(text: str) -> str:
    """The text with its verdict in colour, which click takes out again where no terminal reads it."""
    first, end, rest = text.partition("\n")
    verdict = next((known.upper() for known in VERDICTS if f": {known.upper()}" in first), "")
    name, _, remark = first.rpartition(f": {verdict}")
    return f"{name}: {click.style(verdict, fg=COLOURS.get(verdict, 'yellow'), bold=True)}{remark}{end}{rest}"


def github_lines(place: str, thing: object, report: Report, allow: tuple[Doubt, ...] = ()) -> list[str]:
    """A line for each failure, at the source of the target; one for a doubt, a warning where it is allowed."""
    if report.passed:
        return []
    level = "warning" if report.is_green(allow) else "error"
    where = f"{_source(thing)}title={_escape_text(report.name, title=True)}: gradient {report.verdict}"
    texts = [str(failure) for failure in report.failures] or [f"{place}: {'; '.join(report.warnings)}"]
    return [f"::{level} {where}::{_escape_text(text)}" for text in texts]


def _source(thing: object) -> str:
    """file=...,line=..., where the source of the target is known."""
    place = place_of(thing)
    if place is None:
        return ""
    file, here = Path(place[0]), Path.cwd()
    shown = os.fspath(file.relative_to(here)) if file.is_relative_to(here) else os.fspath(file)
    return f"file={_escape_text(shown, title=True)},line={max(place[1], 1)},"


def _escape_text(text: str, title: bool = False) -> str:
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
    "--allow", type=click.Choice(list(DOUBTS)), multiple=True, help="A doubt that counts as a pass; may be repeated."
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
    context: click.Context, /, targets: tuple[str, ...], feeds: Path | None, form: str, as_json: bool,
    allow: tuple[Doubt, ...], **options: Any
) -> None:  # fmt: skip
    """Are the gradients of TARGETS right, wherever their values are defined?

    A target is mymodule:MyBox, mymodule:graph, path/to/file.py:MyBox, a function without parameters that returns a
    graph, or a tuple of what fg.check takes: a function, a torch module or an autograd.Function, and its arguments, or
    functools.partial(fg.check, forward, x, bprop=backward); a function whose arguments are in --feeds; or a module or a
    file alone, for every box that it defines and every such example. Exit code 0 if
    all pass, 1 if one fails, 2 if none fails but one is undecided or passes on
    its example only, which --allow takes for a pass, 3 if the check could not be made, 64 for an option
    that is none.
    """
    shown = Shown("json" if as_json else form, options["seed"], allow)
    try:
        arrays = read_feeds(feeds)
        labelled = [pair for target in targets for pair in _label_targets(target, bool(arrays))]
        for place, thing in labelled:
            shown.add(place, thing, _check_target(thing, arrays, options), alone=len(labelled) == 1)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of the checked code: it must not be taken for a verdict
        line = line_of(error) or (shorten_text(str(error)) if isinstance(error, ValueError | TypeError) else None)
        shown.report_failure(traceback.format_exc() if line is None else f"Error: {line}")
        context.exit(FAILED)
    context.exit(EXIT_CODES[shown.end()])


def _label_targets(target: str, with_arguments: bool) -> list[tuple[str, Any]]:
    where = target if ":" not in target[2:] else target.rpartition(":")[0]
    return [(f"{where}:{name}", thing) for name, thing in locate(target, with_arguments)]


def _check_target(thing: Any, arrays: Mapping[str, Any], options: Mapping[str, Any]) -> Report:
    """The report of fg.check, which the options of the command are given to as they are."""
    if isinstance(thing, tuple | functools.partial):
        return check_example(thing, **options)
    if arrays and not isinstance(thing, Graph | Box) and not (isinstance(thing, type) and issubclass(thing, Box)):
        return check_gradients(thing, *arguments_of(thing, arrays), **options)
    if not isinstance(thing, Graph):
        return check_gradients(thing, **options)
    return on_inputs(thing, arrays, generator(options["seed"]), lambda fed: check_gradients(thing, fed, **options))
