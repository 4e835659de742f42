"""flowgraph bias-variance: how the error of a network divides, setting by setting, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flowgraph.cli.options import settings_of, settings_options, space_of
from flowgraph.experiment.trade_off import trade_off
from flowgraph.saving.lock import held_folder


@click.command("bias-variance")
@click.argument("data")
@click.option("--vary", required=True, metavar="NAME=WHAT", help="The setting to vary: value|value, low..high or "
              "log:low..high, of which :7 takes 7 points.")  # fmt: skip
@click.option("--training-sets", type=click.IntRange(min=3), default=20, show_default=True,
              help="Trainings for each value, each on examples drawn anew.")  # fmt: skip
@settings_options
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("bias_variance"),
              show_default=True, help="The folder to write into.")  # fmt: skip
def bias_variance(data: str, vary: str, training_sets: int, out: Path, **options: Any) -> None:
    """Divide the squared error of a network for DATA (see flowgraph train) into squared bias and variance.

    \b
      flowgraph bias-variance flowers.csv --target kind --vary "hidden=1|4|16|64"
      flowgraph bias-variance moons --vary l2=log:1e-5..1e-1:5 --training-sets 10

    For each value of the setting, networks are trained through all epochs on examples drawn from the training examples
    with replacement, from other first weights, and compared at the validation examples. The folder gets
    bias_variance.csv and bias_variance.svg, a U over the setting.

    Exit code 0 if all networks were trained, 3 if they could not be, 64 for options that are wrong, 130 after Ctrl-C.
    """
    settings = settings_of(data, options)
    ((name, part),) = space_of([vary]).items()
    values = [part.value_of(stored) for stored in part.grid()]
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with held_folder(out):
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("training", total=len(values) * training_sets)
            found = trade_off(
                settings, name, values, training_sets=training_sets, on_training=lambda: progress.advance(task)
            )
        label = name.replace("_", " ")
        files = [
            found.to_csv(out / "bias_variance.csv"),
            found.plot(out / "bias_variance.svg", label=label, log=_by_factors(values)),
        ]
    click.echo(str(found))
    for path in files:
        click.echo(f"wrote {path}")


def _by_factors(values: list[Any]) -> bool:
    """Whether the values span so many orders of magnitude that a logarithmic axis is used."""
    numbers = all(isinstance(value, int | float) and value > 0 for value in values)
    return numbers and max(values) >= 10 * min(values)
