"""flowgraph train, search, bias-variance and predict: networks for a table of examples, from the command line."""

from __future__ import annotations

import csv
import itertools
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flowgraph import starting
from flowgraph.box import Array
from flowgraph.box.kinds import Flag, Kind, Number, OneOf
from flowgraph.cli.ends import DONE, WRONG, ToRead
from flowgraph.data.preparation import Preparation, read_table
from flowgraph.errors import FileWriteError, SavedFileError, UsageError
from flowgraph.experiment.experiment import Experiment, trade_off
from flowgraph.experiment.folder import RunFolder
from flowgraph.experiment.scores import Scores
from flowgraph.experiment.settings import TrainSettings, descriptions
from flowgraph.experiment.training import Outcome, begin, resume_training
from flowgraph.graph import Graph
from flowgraph.printable import printable_lines
from flowgraph.remedies import Remedy, words_of
from flowgraph.saving.graph_file import load
from flowgraph.saving.lock import held_folder
from flowgraph.saving.replacing import replace_text
from flowgraph.search.result import SearchResult
from flowgraph.search.sampling import PRUNERS, SAMPLERS
from flowgraph.search.selection import select
from flowgraph.search.space import read_space
from flowgraph.starting import INTERRUPTED
from flowgraph.training.callbacks import progress_callback
from flowgraph.training.display import value_text
from flowgraph.training.evaluation import predict as outputs_of
from flowgraph.training.settings import kinds_of

_F = TypeVar("_F", bound=Callable[..., Any])


class _Read(click.ParamType):  # type: ignore[type-arg]
    """A value that the description of a setting reads from a text."""

    def __init__(self, kind: Kind) -> None:
        self.name, self._kind = kind.metavar, kind

    def convert(self, value: Any, parameter: Any, context: Any) -> Any:
        """What the text says; a default is a value already."""
        try:
            return self._kind.read_text(value) if isinstance(value, str) else value
        except (ValueError, UsageError):
            return self.fail(f"{value!r} is no {self._kind.needed_text}", parameter, context)


def _may_be_none(kind: Kind) -> bool:
    """Whether a setting is a whole number that may be None, for which the command line takes a 0."""
    return isinstance(kind, Number) and kind.whole and bool(kind.none)


def _type_of(kind: Kind) -> Any:
    """The type of an option, as click has it."""
    if isinstance(kind, Number):
        return click.IntRange(min=0 if _may_be_none(kind) else int(kind.low)) if kind.whole else float
    if isinstance(kind, OneOf):
        return click.Choice(kind.words)
    if isinstance(kind, Flag):
        return bool
    return _Read(kind) if kind.metavar else str


def settings_options(function: _F) -> _F:
    """Add an option for each setting, as it is described."""
    described = descriptions()
    for field in reversed(fields(TrainSettings)[1:]):
        kind, option, default = kinds_of(TrainSettings)[field.name], field.name.replace("_", "-"), field.default
        if isinstance(kind, Flag):
            option += f"/--{kind.off or f'no-{option}'}"
        text = described.get(field.name, "") + " (0 for None)" * _may_be_none(kind)
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default is not None
        settings: dict[str, Any] = {"type": _type_of(kind), "default": default, "show_default": shown, "help": text}
        settings["multiple"] = kind.multiple
        function = click.option(f"--{option}", *ALSO.get(field.name, ()), field.name, **settings)(function)
    return function


ALSO = {"kind": ("--task",)}
"""Other spellings of options."""


def settings_of(source: str, options: Mapping[str, Any]) -> TrainSettings:
    """The settings that the options say; what makes no sense is wrong usage."""
    kinds = kinds_of(TrainSettings)
    values: dict[str, Any] = {n: value or None if _may_be_none(kinds[n]) else value for n, value in options.items()}
    try:
        return TrainSettings(source, **values)
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def space_of(texts: Sequence[str]) -> dict[str, Any]:
    """The space that texts such as l2=0.0|0.1 say; one that cannot be read is wrong usage."""
    try:
        return read_space(texts)
    except UsageError as error:
        raise click.UsageError(str(error)) from error


def options_given(context: click.Context) -> list[str]:
    """The options that were given on the command line."""
    source = click.core.ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) is source]


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
                experiment, run = Experiment(settings_of(data, options)), RunFolder(out)
                _tell_account(experiment)
                with run.lock_for_writing():
                    outcome = begin(experiment, run, checks=checks, callbacks=callbacks, seconds=checkpoint_every)
    except KeyboardInterrupt:
        starting.say(_describe_interruption(RunFolder(out)))
        context.exit(INTERRUPTED)
    except FileWriteError as error:
        raise click.ClickException(f"{error}{_then_resume(RunFolder(out))}") from error
    for warning in dict.fromkeys(str(warning.message) for warning in caught):
        click.echo(f"note: {warning}", err=True)
    _tell(outcome, RunFolder(out))
    context.exit(INTERRUPTED if outcome.interrupted else DONE if _has_learnt(outcome) else WRONG)


def _epochs_of_resume(context: click.Context, data: str | None, options: dict[str, Any]) -> int | None:
    """The new number of epochs, if one was given; every other setting is that of the run."""
    changed = [name for name in options_given(context) if name in options and name != "epochs"]
    if data is not None or changed:
        what = "DATA" if data is not None else f"--{changed[0].replace('_', '-')}"
        raise click.UsageError(f"--resume takes data and settings from the run folder, so {what} cannot be given.")
    epochs: int = options["epochs"]
    return epochs if "epochs" in options_given(context) else None


def _describe_interruption(run: RunFolder) -> str:
    """What is left of a training that ended before it could finish a step, or that was not let finish it."""
    if run.checkpoint.exists():
        return f"interrupted; go on with: flowgraph train --resume -o {run.path}"
    return "interrupted before the first step; nothing was trained"


def _then_resume(run: RunFolder) -> str:
    return (
        f", then go on with: flowgraph train --resume -o {run.path}" if run.checkpoint.exists() else ", then try again"
    )


def _tell_scores(scores: Scores) -> None:
    """The measures of the test examples."""
    for line in scores.lines():
        click.echo(f"  {printable_lines(line)}")


def _has_learnt(outcome: Outcome) -> bool:
    return outcome.history.best_epoch is not None


def _tell_account(experiment: Experiment) -> None:
    """What became of the columns of a table, a line for each."""
    for name, words in experiment.account:
        click.echo(printable_lines(f"{name or repr(name)}: {words_of(words, Remedy.as_options)}"))


def _tell(outcome: Outcome, run: RunFolder) -> None:
    click.echo(outcome.history.ended)
    if len(outcome.history):
        click.echo(f"validation error: {outcome.words(outcome.valid_error)}, epoch {outcome.history.best.number}")
    if outcome.scores is not None:
        click.echo(f"test error: {outcome.words(outcome.test_error)}, the {outcome.measure}")
        _tell_scores(outcome.scores)
    if outcome.note:
        click.echo(f"note: {outcome.note}", err=True)
    for path in outcome.files:
        click.echo(f"wrote {path}")
    if outcome.interrupted:
        click.echo(f"go on with: flowgraph train --resume -o {run.path}")


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
    try:
        with warnings.catch_warnings(record=True):
            selection = select(
                settings_of(data, options), space_of(texts), out, storage=storage, name=name, trials=trials,
                sampler=sampler, pruner=pruner, refine=refine, zoom=zoom, jobs=jobs, on_trial=_tell_trial,
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
    if outcome.scores is not None:
        _tell_scores(outcome.scores)
    if outcome.note:
        click.echo(f"note: {outcome.note}", err=True)
    for path in selection.files:
        click.echo(f"wrote {path}")
    context.exit(INTERRUPTED if outcome.interrupted else 0)


def _tell_trial(result: SearchResult) -> None:
    """A line about the latest trial."""
    last = result.trials[-1]
    value = "" if last.value is None else f" {result.measure} {last.value:.4g}"
    settings = ", ".join(f"{name} {value_text(value, 3)}" for name, value in last.settings.items())
    click.echo(f"trial {last.number}: {last.state}{value} ({settings})")


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
            report = trade_off(
                settings, name, values, training_sets=training_sets, on_training=lambda: progress.advance(task)
            )
        label = name.replace("_", " ")
        files = [
            report.to_csv(out / "bias_variance.csv"),
            report.plot(out / "bias_variance.svg", label=label, log=_by_factors(values)),
        ]
    click.echo(str(report))
    for path in files:
        click.echo(f"wrote {path}")


def _by_factors(values: list[Any]) -> bool:
    """Whether the values span so many orders of magnitude that a logarithmic axis is used."""
    numbers = all(isinstance(value, int | float) and value > 0 for value in values)
    return numbers and max(values) >= 10 * min(values)


_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
"""How a cell begins that a spreadsheet computes, or that looks like it after a line end."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@click.command()
@click.argument("folder", type=ToRead())
@click.argument("data", type=ToRead())
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="A .csv to write.  [default: print]")
@click.option("-p", "--probabilities", is_flag=True, help="Add a column for each class, with its probability.")
@click.option("--keep", multiple=True, metavar="NAME", help="A column of DATA to copy; given once for each.")
@click.option("--raw", is_flag=True, help="Write words as they are, formulas of a spreadsheet too.")
def predict(folder: Path, data: Path, out: Path | None, probabilities: bool, keep: tuple[str, ...], raw: bool) -> None:
    """Predict the target for each row of DATA, a .csv or .parquet file, by the network in the run folder FOLDER.

    \b
      flowgraph predict run new_flowers.csv -o predictions.csv
      flowgraph predict run new_people.csv --keep id --probabilities

    DATA has the columns that the network was trained on, in any order; others are left out. Words, dates and missing
    values are read as they were in training. The output has a row for each of DATA, and a column with the name of the
    target. A word such as =1+1, which a spreadsheet would take for a formula, is written with ' in front, so that it
    stays text; one that is a number stays as it is.
    """
    run = RunFolder(folder)
    result = run.read_result()
    columns, classes = result["columns"], result["classes"]
    predictor = _predictor(run, len(columns), len(classes))
    target, table = _target(run, result, keep), read_table(data)
    kept = {name: ["" if cell is None else str(cell) for cell in table.column(name)] for name in keep}
    output = outputs_of(predictor, _preparation(run, result).numbers_of(table))
    if probabilities and not classes:
        raise click.UsageError("--probabilities: the network gives numbers, which have none; leave it out")
    text = predictions(output, classes, target, probabilities=probabilities, kept=kept, raw=raw)
    if out is not None:
        click.echo(f"wrote {replace_text(out, text)}")
    words = [target, *classes, *kept, *itertools.chain(*kept.values())]
    changed = [] if raw else [word for word in words if as_text(word) != word][:1]
    if changed:
        note = (
            f"note: {changed[0]!r} would be a formula of a spreadsheet, and is written with ' in front; --raw leaves it"
        )
        click.echo(note, err=True)
    if out is None:  # a terminal takes some characters for commands; a file or another program gets them as they are
        click.echo(printable_lines(text) if sys.stdout.isatty() else text, nl=False, color=True)


def _preparation(run: RunFolder, result: Mapping[str, Any]) -> Preparation:
    """How the inputs of the network are read from a table: as those that it was trained on."""
    columns, record = result["columns"], result.get("preparation")
    try:
        preparation = Preparation.of_numbers(columns) if record is None else Preparation.from_dict(record)
        if list(preparation.names) != columns:
            raise ValueError("found a preparation that gives other columns")
    except ValueError as error:
        raise SavedFileError(f"{run.result}: no result of a run ({error})") from None
    return preparation


def _target(run: RunFolder, result: Mapping[str, Any], keep: Sequence[str]) -> str:
    """The name of the column of predictions; where training had none, what it holds."""
    target = result.get("target") or ("class" if result["classes"] else "value")
    if not isinstance(target, str):
        raise SavedFileError(f"{run.result}: no result of a run (the target is no text)")
    if target in keep:
        raise click.UsageError(f"--keep {shlex.quote(target)}: the predictions have this name; keep the others")
    return target


def as_text(name: str) -> str:
    """A name as a cell that a spreadsheet shows as text: with ' in front where it would compute it."""
    return f"'{name}" if _FORMULA.match(name) and not _NUMBER.fullmatch(name) else name


def _predictor(run: RunFolder, columns: int, classes: int) -> Graph:
    """The network of the run; a graph that reads or gives something else than its result says is none."""
    graph = load(run.model)
    x = next(iter(graph.inputs), None)
    reads = x is not None and len(graph.inputs) == 1 and graph.names[x] == "x" and x.shape[1:] == (columns,)
    shape = graph.outputs[0].outputs[0].shape
    gives = shape[1:] == ((classes,) if classes else ())
    if not reads or len(graph.outputs) != 1 or len(shape) != 1 + bool(classes) or not gives:
        raise SavedFileError(
            f"{run.model}: found a graph that does not take {columns} columns to {classes or 'no'} classes, as "
            f"{run.result.name} says; train anew, or bring back both files of one run"
        )
    return graph


def predictions(
    output: Array,
    classes: Sequence[str],
    target: str,
    *,
    probabilities: bool = False,
    kept: Mapping[str, Sequence[str]] | None = None,
    raw: bool = False,
) -> str:
    """The output as the text of a CSV file, in which a spreadsheet finds no formula unless it is `raw`."""
    safe, kept = str if raw else as_text, kept or {}
    columns = [[safe(word) for word in (name, *cells)] for name, cells in kept.items()]
    answers = [safe(classes[row.argmax()]) for row in output] if classes else [f"{value:.10g}" for value in output]
    columns.append([safe(target), *answers])
    if probabilities:
        columns += [[f"p({name})", *(f"{p:.6g}" for p in output[:, k])] for k, name in enumerate(classes)]
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")  # so that a name with one of both is quoted
    writer.writerows(zip(*columns, strict=True))
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines)


class _Lines(list[str]):
    """A list of lines with the method `write` that csv.writer calls."""

    write = list[str].append
