"""flowgraph search: choose settings by the validation examples, from the command line."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from flowgraph import starting
from flowgraph.cli.options import settings_of, settings_options, space_of
from flowgraph.search.engine import PRUNERS, SAMPLERS
from flowgraph.search.result import SearchResult
from flowgraph.search.selection import select
from flowgraph.starting import INTERRUPTED
from flowgraph.training.callbacks import progress_callback


@click.command()
@click.argument("data")
@click.option("--space", "-s", "texts", multiple=True, required=True, metavar="NAME=WHAT",
              help="A setting to vary: low..high, log:low..high or value|value; given once for each.")  # fmt: skip
@click.option("--trials", type=click.IntRange(min=1), default=30, show_default=True, help="In each round; a grid has "
              "its own number.")  # fmt: skip
@click.option("--sampler", type=click.Choice(SAMPLERS), default="tpe", show_default=True)
@click.option("--pruner", type=click.Choice(PRUNERS), default="median", show_default=True, help="What stops a training "
              "that is worse than others.")  # fmt: skip
@click.option("--refine", type=click.IntRange(min=0), default=0, show_default=True,
              help="Rounds that follow, with the ranges narrowed around the best.")  # fmt: skip
@click.option("--zoom", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.3, show_default=True,
              help="The width of a range after a round, as a share of that before.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that share the "
              "trials.")  # fmt: skip
@click.option("--storage", help="URL of a database that Optuna takes.  [default: study.db, SQLite, in the folder]")
@click.option("--name", default="search", show_default=True, help="Of the study in the database.")
@settings_options
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("search"),
              show_default=True, help="The folder of the search.")  # fmt: skip
@click.pass_context
def search(  # noqa: PLR0913  click gives each option by its name
    context: click.Context, /, data: str, texts: tuple[str, ...], trials: int, sampler: str, pruner: str, refine: int,
    zoom: float, jobs: int, storage: str | None, name: str, out: Path, **options: Any,
) -> None:  # fmt: skip
    """Search settings of a network for DATA (see flowgraph train), then train the best and test it once.

    \b
      flowgraph search flowers.csv --target kind -s learning_rate=log:1e-4..1e-1 \\
          -s hidden=16|64|64,32 -s l2=log:1e-6..1e-2 --trials 40 --refine 1
      flowgraph search digits --sampler grid -s l2=0.0|1e-4|1e-3 \\
          -s batch_size=log:16..128:3

    What --space names varies, the other settings are the same in all trials. Trials are compared by the validation
    loss, in which L1 and L2 have no part, or by the error with --watch error; the test examples stay closed until the
    best network is trained.

    The same command goes on where a search ended, and run in several shells, or on machines that share --storage, it
    shares the work. The folder gets report.html, study.db, trials.csv, search.svg and best/, a run folder.

    Exit code 0 if the search came to its end, 3 if it could not, 64 for options that are wrong, 130 after Ctrl-C.
    """
    console = Console()
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())  # it shows how an interrupt closes a connection
    try:
        with warnings.catch_warnings(record=True):
            selection = select(
                settings_of(data, options), space_of(texts), out, storage=storage, name=name, trials=trials,
                sampler=sampler, pruner=pruner, refine=refine, zoom=zoom, jobs=jobs, on_trial=_tell,
                on_wait=lambda text: click.echo(f"waiting: {text}", err=True),
                callbacks=[progress_callback(None)],
            )  # fmt: skip
    except KeyboardInterrupt:
        starting.say("interrupted; the same command goes on")
        context.exit(INTERRUPTED)
    result, outcome = selection.result, selection.outcome
    console.print(result.table())
    for setting in result.at_the_edge:
        click.echo(f"note: the best {setting} is at the edge of its range; a better one may lie outside", err=True)
    click.echo(
        f"validation error: {outcome.words(outcome.valid_error)}, test error: {outcome.words(outcome.test_error)}"
    )
    if outcome.note:
        click.echo(f"note: {outcome.note}", err=True)
    for path in selection.files:
        click.echo(f"wrote {path}")
    context.exit(INTERRUPTED if outcome.interrupted else 0)


def _tell(result: SearchResult) -> None:
    """A line about the latest trial."""
    last = result.trials[-1]
    value = "" if last.value is None else f" {result.measure} {last.value:.4g}"
    settings = ", ".join(f"{name} {_short(value)}" for name, value in last.settings.items())
    click.echo(f"trial {last.number}: {last.state}{value} ({settings})")


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
