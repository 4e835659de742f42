"""flowgraph check: the gradient checker on the command line."""

from __future__ import annotations

import json
import math
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from flowgraph.checking.check import check as check_gradients
from flowgraph.checking.report import Report
from flowgraph.checking.runner import generator
from flowgraph.cli.check_inputs import draw_input, read_feeds
from flowgraph.cli.locate import locate
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.graph import Graph

EXIT_CODES = {"pass": 0, "fail": 1, "undecided": 2}
FAILED = 3


@click.command()
@click.argument("targets", nargs=-1, required=True)
@click.option("--order", type=click.IntRange(1, 2), default=1, show_default=True, help="2: second derivatives too.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes what is drawn.")
@click.option(
    "--feeds", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=".npz with the inputs of a graph."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    context: click.Context, targets: tuple[str, ...], order: int, seed: int, feeds: Path | None, as_json: bool
) -> None:
    """Are the gradients of TARGETS right, wherever their values are defined?

    A target is mymodule:MyBox, mymodule:graph, path/to/file.py:MyBox, a function without parameters that returns a
    graph, or a module or a file alone, for every box that it defines. Exit code 0 if all pass, 1 if one fails, 2 if
    none fails but one is undecided, 3 if the check could not be made.
    """
    reports: list[tuple[str, Report]] = []
    try:
        arrays = read_feeds(feeds)
        found = [one for target in targets for one in _labelled(target)]
        for place, thing in found:
            report = _checked(thing, arrays, order, seed)
            reports.append((place, report))
            if not as_json:
                click.echo(f"{place}: PASS" if report.passed and len(found) > 1 else str(report))
    except (FlowgraphError, ValueError) as error:
        click.echo(f"Error: {error}" if str(error).startswith("check") else f"Error: check: {error}", err=True)
        context.exit(FAILED)
    except Exception:  # whatever the checked code raises, exit code 1 means a wrong gradient and nothing else
        click.echo(traceback.format_exc(), err=True)
        context.exit(FAILED)
    verdict = _worst([report for _, report in reports])
    if as_json:
        click.echo(json.dumps(_plain({"verdict": verdict, "seed": seed, "reports": _dicts(reports)}), indent=2))
    elif len(reports) > 1:
        counts = {one: sum(report.verdict == one for _, report in reports) for one in EXIT_CODES}
        click.echo(", ".join(f"{count} {one}" for one, count in counts.items() if count))
    context.exit(EXIT_CODES[verdict])


def _labelled(target: str) -> list[tuple[str, Any]]:
    where = target if ":" not in target[2:] else target.rpartition(":")[0]
    return [(f"{where}:{name}", thing) for name, thing in locate(target)]


def _checked(thing: Any, arrays: Mapping[str, Any], order: int, seed: int) -> Report:
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


def _worst(reports: list[Report]) -> str:
    verdicts = {report.verdict for report in reports}
    return next(verdict for verdict in ("fail", "undecided", "pass") if verdict in verdicts)


def _dicts(reports: list[tuple[str, Report]]) -> list[dict[str, Any]]:
    return [{"target": place, **report.as_dict()} for place, report in reports]


def _plain(value: Any) -> Any:
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
