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
from flowgraph.checking.report import Report
from flowgraph.checking.runner import generator
from flowgraph.cli.check_inputs import arguments_of, draw_input, read_feeds
from flowgraph.cli.check_output import Shown
from flowgraph.cli.locate import locate
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.graph import Graph

EXIT_CODES = {"pass": 0, "fail": 1, "undecided": 2}
FAILED = 3
FORMATS = ("text", "json", "github")


@click.command()
@click.argument("targets", nargs=-1, required=True)
@click.option("--order", type=click.IntRange(1, 2), default=1, show_default=True, help="2: second derivatives too.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes what is drawn.")
@click.option(
    "--feeds", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=".npz with the inputs of a graph, or the arguments of a function, by name.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
    help="github: annotations of a workflow.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.pass_context
def check(
    context: click.Context, targets: tuple[str, ...], order: int, seed: int, feeds: Path | None, form: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Are the gradients of TARGETS right, wherever their values are defined?

    A target is mymodule:MyBox, mymodule:graph, path/to/file.py:MyBox, a function without parameters that returns a
    graph, or a tuple of what fg.check takes: a function, a torch module or an autograd.Function, and its arguments, or
    functools.partial(fg.check, forward, x, bprop=backward); a function whose arguments are in --feeds; or a module or a
    file alone, for every box that it defines and every such example. Exit code 0 if
    all pass, 1 if one fails, 2 if none fails but one is undecided, 3 if the check could not be made.
    """
    shown = Shown("json" if as_json else form, seed)
    try:
        arrays = read_feeds(feeds)
        found = [one for target in targets for one in _labelled(target, bool(arrays))]
        for place, thing in found:
            shown.add(place, thing, _checked(thing, arrays, order, seed), alone=len(found) == 1)
    except (FlowgraphError, ValueError, TypeError) as error:
        text = str(error)
        shown.failed(f"Error: {text}" if text.startswith("check") else f"Error: check: {text}")
        context.exit(FAILED)
    except Exception:  # whatever the checked code raises, exit code 1 means a wrong gradient and nothing else
        shown.failed(traceback.format_exc())
        context.exit(FAILED)
    context.exit(EXIT_CODES[shown.end()])


def _labelled(target: str, with_arguments: bool) -> list[tuple[str, Any]]:
    where = target if ":" not in target[2:] else target.rpartition(":")[0]
    return [(f"{where}:{name}", thing) for name, thing in locate(target, with_arguments)]


def _checked(thing: Any, arrays: Mapping[str, Any], order: int, seed: int) -> Report:
    if isinstance(thing, tuple | functools.partial):
        return checked(thing, order=order, seed=seed)
    if arrays and not isinstance(thing, Graph | Box) and not (isinstance(thing, type) and issubclass(thing, Box)):
        return check_gradients(thing, *arguments_of(thing, arrays), order=order, seed=seed)
    if not isinstance(thing, Graph):
        return check_gradients(thing, order=order, seed=seed)
    rng = generator(seed)
    sizes: dict[str, int] = {}
    fed = {
        thing.names[box]: arrays[thing.names[box]] if thing.names[box] in arrays else draw_input(box, sizes, rng)
        for box in thing.inputs
    }
    unknown = arrays.keys() - fed.keys()
    if unknown:
        raise UsageError(f"the graph has no input {sorted(unknown)[0]!r}; it has {', '.join(fed) or 'none'}")
    try:
        return check_gradients(thing, fed, order=order, seed=seed)
    except (FlowgraphError, ValueError, IndexError) as error:
        drawn = [name for name in fed if name not in arrays]
        if not drawn:
            raise
        raise UsageError(
            f"the graph did not run on numbers drawn for {', '.join(drawn)} ({error}); "
            f"give its inputs with --feeds inputs.npz"
        ) from error
