"""flowgraph play: a page in which a network trains before your eyes."""

from __future__ import annotations

from pathlib import Path

import click

from flowgraph.data import load_examples
from flowgraph.playground import playground


@click.command()
@click.argument("data", required=False)
@click.option("--target", help="The column of the class, where DATA is a table.")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("playground.html"),
              show_default=True, help="What to write.")  # fmt: skip
def play(data: str | None, target: str | None, out: Path) -> None:
    """Write a page in which the network of the lecture trains on points of the plane, live.

    \b
      flowgraph play
      flowgraph play moons -o moons.html
      flowgraph play points.csv --target kind

    DATA is a .csv, .tsv or .npz file of two columns and a target of two classes, or the name of a set; the page has
    spirals, moons, circles, xor and blobs besides, and takes points by mouse or touch. It needs no network.
    """
    examples = None if data is None else load_examples(data, target)
    click.echo(f"wrote {playground(out, data=examples)}")
