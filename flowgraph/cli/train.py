"""flowgraph train: a network for a table of examples, from the command line."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import click

from flowgraph import starting
from flowgraph.cli.ends import DONE, WRONG
from flowgraph.cli.options import given, settings_of, settings_options
from flowgraph.errors import FileWriteError
from flowgraph.experiment.folder import RunFolder
from flowgraph.experiment.training import Outcome, resume_training
from flowgraph.experiment.training import train as run_training
from flowgraph.starting import INTERRUPTED
from flowgraph.training.callbacks import progress_callback


@click.command()
@click.argument("data", required=False)
@settings_options
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("run"), show_default=True,
              help="The run folder.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with the run in the folder; only --epochs may change.")
@click.option("--checks/--no-checks", default=True, show_default=True, help="Look at data and network before training.")
@click.option("--checkpoint-every", type=click.FloatRange(min=0), default=5.0, show_default=True, metavar="SECONDS",
              help="Time between checkpoints.")  # fmt: skip
@click.pass_context
def train(
    context: click.Context, /, data: str | None, out: Path, resume: bool, checks: bool, checkpoint_every: float,
    **options: Any,
) -> None:  # fmt: skip
    """Train a network on DATA: a .csv, .tsv, .parquet or .npz file with names of columns, or a bundled set, iris.

    \b
      flowgraph train flowers.csv --target kind --hidden 64,32 --l2 1e-4 -o run
      flowgraph train people.parquet --target income --one-hot --impute median
      flowgraph train digits --stratify
      flowgraph train --resume -o run

    The run folder gets config.json, history.csv, model.safetensors (the best parameters; fg.load reads it),
    checkpoint.safetensors, result.json, pictures and report.html. The same data, settings and seed give the same bytes
    in model.safetensors, whether the run was interrupted and resumed or not.

    Exit code 0 if training came to its end, 1 if it learnt nothing, 3 if it could not begin or go on, 64 for options
    that are wrong, 130 after Ctrl-C, with all kept that --resume needs.
    """
    callbacks = [progress_callback(None)]
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if resume:
                epochs = _epochs_of_resume(context, data, options)
                outcome = resume_training(out, epochs=epochs, callbacks=callbacks, seconds=checkpoint_every)
            elif data is None:
                raise click.UsageError("DATA is missing: a file, or a bundled set such as iris.")
            else:
                outcome = run_training(
                    settings_of(data, options), out, checks=checks, callbacks=callbacks, seconds=checkpoint_every
                )
    except KeyboardInterrupt:
        starting.say(_interrupted(RunFolder(out)))
        context.exit(INTERRUPTED)
    except FileWriteError as error:
        raise click.ClickException(f"{error}{_then_resume(RunFolder(out))}") from error
    for warning in dict.fromkeys(str(warning.message) for warning in caught):
        click.echo(f"note: {warning}", err=True)
    _tell(outcome, RunFolder(out))
    context.exit(INTERRUPTED if outcome.interrupted else DONE if _has_learnt(outcome) else WRONG)


def _epochs_of_resume(context: click.Context, data: str | None, options: dict[str, Any]) -> int | None:
    """The new number of epochs, if one was given; every other setting is that of the run."""
    changed = [name for name in given(context) if name in options and name != "epochs"]
    if data is not None or changed:
        what = "DATA" if data is not None else f"--{changed[0].replace('_', '-')}"
        raise click.UsageError(f"--resume takes data and settings from the run folder, so {what} cannot be given.")
    epochs: int = options["epochs"]
    return epochs if "epochs" in given(context) else None


def _interrupted(run: RunFolder) -> str:
    """What is left of a training that ended before it could finish a step, or that was not let finish it."""
    if run.checkpoint.exists():
        return f"interrupted; go on with: flowgraph train --resume -o {run.path}"
    return "interrupted before the first step; nothing was trained"


def _then_resume(run: RunFolder) -> str:
    return (
        f", then go on with: flowgraph train --resume -o {run.path}" if run.checkpoint.exists() else ", then try again"
    )


def _has_learnt(outcome: Outcome) -> bool:
    return outcome.history.best_epoch is not None


def _tell(outcome: Outcome, run: RunFolder) -> None:
    click.echo(outcome.history.ended)
    if len(outcome.history):
        click.echo(f"validation error: {outcome.words(outcome.valid_error)}, epoch {outcome.history.best.number}")
    if outcome.test_error is not None:
        click.echo(f"test error: {outcome.words(outcome.test_error)}")
    if outcome.note:
        click.echo(f"note: {outcome.note}", err=True)
    for path in outcome.files:
        click.echo(f"wrote {path}")
    if outcome.interrupted:
        click.echo(f"go on with: flowgraph train --resume -o {run.path}")
