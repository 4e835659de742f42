"""flowgraph predict: what a trained network says of new rows of a table."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from flowgraph.box import Array
from flowgraph.cli.ends import ToRead
from flowgraph.data import load_inputs
from flowgraph.data.preparation import Preparation
from flowgraph.data.tables import read_table
from flowgraph.errors import SavedFileError
from flowgraph.experiment.experiment import predict as outputs_of
from flowgraph.experiment.folder import RunFolder
from flowgraph.graph import Graph
from flowgraph.printable import printable_lines
from flowgraph.saving.graph_file import load
from flowgraph.saving.replacing import replace_text

_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
"""How a cell begins that a spreadsheet computes, or that looks like it after a line end."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@click.command()
@click.argument("folder", type=ToRead())
@click.argument("data", type=ToRead())
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="A .csv to write.  [default: print]")
@click.option("--raw", is_flag=True, help="Write class names as they are, formulas of a spreadsheet too.")
def predict(folder: Path, data: Path, out: Path | None, raw: bool) -> None:
    """Predict the target for each row of DATA, a .csv or .parquet file, by the network in the run folder FOLDER.

    \b
      flowgraph predict run new_flowers.csv -o predictions.csv

    DATA has the columns that the network was trained on, in any order; others are left out. Words, dates and missing
    values are read as they were in training. Each row of the output has
    the class and the probability of every class, or the number. A class such as =1+1, which a spreadsheet would take
    for a formula, is written with ' in front, so that it stays text; a class that is a number stays as it is.
    """
    run = RunFolder(folder)
    result = run.read_result()
    columns, classes = result["columns"], result["classes"]
    predictor = _predictor(run, len(columns), len(classes))
    text = predictions(outputs_of(predictor, _inputs(run, result, data)), classes, raw=raw)
    if out is not None:
        click.echo(f"wrote {replace_text(out, text)}")
    changed = [] if raw else [name for name in classes if as_text(name) != name]
    if changed:
        note = (
            f"note: {changed[0]!r} would be a formula of a spreadsheet, and is written with ' in front; --raw leaves it"
        )
        click.echo(note, err=True)
    if out is None:  # a terminal takes some characters for commands; a file or another program gets them as they are
        click.echo(printable_lines(text) if sys.stdout.isatty() else text, nl=False, color=True)


def _inputs(run: RunFolder, result: Mapping[str, Any], data: Path) -> Array:
    """The inputs of the network, read from a table as those that it was trained on."""
    columns, record = result["columns"], result.get("preparation")
    if record is None and data.suffix.lower() != ".parquet":
        return load_inputs(data, columns)
    try:
        preparation = Preparation.of_numbers(columns) if record is None else Preparation.from_dict(record)
        if list(preparation.names) != columns:
            raise ValueError("found a preparation that gives other columns")
    except ValueError as error:
        raise SavedFileError(f"{run.result}: no result of a run ({error})") from None
    return preparation.read(read_table(data))


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


def predictions(output: Array, classes: list[str], *, raw: bool = False) -> str:
    """The output as the text of a CSV file, in which a spreadsheet finds no formula unless it is `raw`."""
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")  # so that a name with one of both is quoted
    if classes:
        writer.writerow(["class", *(f"p({name})" for name in classes)])
        cells = classes if raw else [as_text(name) for name in classes]
        writer.writerows([cells[row.argmax()], *(f"{p:.6g}" for p in row)] for row in output)
    else:
        writer.writerow(["value"])
        writer.writerows([f"{value:.10g}"] for value in output)
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines)


class _Lines(list[str]):
    """A list of lines with the method `write` that csv.writer calls."""

    write = list[str].append
