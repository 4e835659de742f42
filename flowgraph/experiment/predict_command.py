"""flowgraph predict: what a trained network says of new rows of a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import click

from flowgraph.box import Array
from flowgraph.data import load_inputs
from flowgraph.errors import FlowgraphError, SavedFileError
from flowgraph.experiment.experiment import predict as outputs_of
from flowgraph.experiment.folder import RunFolder
from flowgraph.graph import Graph
from flowgraph.saving.graph_file import load
from flowgraph.saving.replacing import replace_text


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="A .csv to write.  [default: print]")
def predict(folder: Path, data: Path, out: Path | None) -> None:
    """Predict the target for each row of DATA, a .csv file, by the network in the run folder FOLDER.

    \b
      flowgraph predict run new_flowers.csv -o predictions.csv

    DATA has the columns that the network was trained on, in any order; others are left out. Each row of the output has
    the class and the probability of every class, or the number.
    """
    run = RunFolder(folder)
    try:
        result = run.read_result()
        predictor = _predictor(run, len(result["columns"]), len(result["classes"]))
        text = predictions(outputs_of(predictor, load_inputs(data, result["columns"])), result["classes"])
        if out is not None:
            click.echo(f"wrote {replace_text(out, text)}")
    except (FlowgraphError, ImportError, OSError) as error:
        raise click.ClickException(str(error)) from error
    if out is None:
        click.echo(text, nl=False)


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


def predictions(output: Array, classes: list[str]) -> str:
    """The output as the text of a CSV file."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if classes:
        writer.writerow(["class", *(f"p({name})" for name in classes)])
        writer.writerows([classes[row.argmax()], *(f"{p:.6g}" for p in row)] for row in output)
    else:
        writer.writerow(["value"])
        writer.writerows([f"{value:.10g}"] for value in output)
    return file.getvalue()
