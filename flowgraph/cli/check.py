"""flowgraph check: the gradient checker on the command line."""

from __future__ import annotations

import functools
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from flowgraph.box import Box
from flowgraph.checking.check import check as check_gradients
from flowgraph.checking.check import checked
from flowgraph.checking.point import generator
from flowgraph.checking.report import EXAMPLE_ONLY, Report
from flowgraph.checking.scope import EFFORTS
from flowgraph.cli.check_inputs import arguments_of, draw_input, read_feeds
from flowgraph.cli.check_output import Shown
from flowgraph.cli.ends import DONE, FAILED, UNDECIDED, WRONG, ToRead, line_of
from flowgraph.cli.locate import locate
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.graph import Graph

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
        found = [one for target in targets for one in _labelled(target, bool(arrays))]
        for place, thing in found:
            shown.add(place, thing, _checked(thing, arrays, options), alone=len(found) == 1)
    except (Exception, SystemExit) as error:  # of the checked code: it must not be taken for a verdict
        line = str(error) if isinstance(error, ValueError | TypeError) else line_of(error)
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
    rng = generator(options["seed"])
    sizes: dict[str, int] = {}
    fed = {
        thing.names[box]: arrays[thing.names[box]] if thing.names[box] in arrays else draw_input(box, sizes, rng)
        for box in thing.inputs
    }
    unknown = arrays.keys() - fed.keys()
    if unknown:
        raise UsageError(f"the graph has no input {sorted(unknown)[0]!r}; it has {', '.join(fed) or 'none'}")
    try:
        return check_gradients(thing, fed, **options)
    except (FlowgraphError, ValueError, IndexError) as error:
        drawn = [name for name in fed if name not in arrays]
        if not drawn:
            raise
        raise UsageError(
            f"the graph did not run on numbers drawn for {', '.join(drawn)} ({error}); "
            f"give its inputs with --feeds inputs.npz"
        ) from error
