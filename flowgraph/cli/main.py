"""The command line: `flowgraph demo`, `check`, `mutate`, `train`, `search`, `render`, `animate`, `explain`, ..."""

from __future__ import annotations

import sys
from pathlib import Path

from flowgraph import __version__
from flowgraph.errors import install_hint

try:
    import click
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
except ImportError as missing:
    print(f"flowgraph: the command line needs {missing.name}; run: {install_hint('cli')}", file=sys.stderr)
    sys.exit(3)  # FAILED of flowgraph.cli.ends, which needs click

from flowgraph.checking import GradientError
from flowgraph.cli.check import check
from flowgraph.cli.ends import WRONG, Commands
from flowgraph.cli.mutate import mutate
from flowgraph.cli.render import animate, explain, gallery, render
from flowgraph.cli.train import bias_variance, predict, search, train
from flowgraph.data import load_examples
from flowgraph.experiment.demo import Settings, run_demo
from flowgraph.playground import playground
from flowgraph.training import Epoch

DEFAULTS = Settings()


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

    DATA is a .csv, .tsv or .npz file of two columns and a target of two to five classes, or of numbers, or the name of
    a set; the page has data of its own besides, and takes points by mouse or touch. It needs no network.
    """
    examples = None if data is None else load_examples(data, target)
    click.echo(f"wrote {playground(out, data=examples)}")


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="flowgraph")
def main() -> None:
    """Modular flow graphs with fprop and bprop, on NumPy.

    Exit codes: 0 done, 1 wrong, 2 undecided, 3 not done, for the reason that is said, 64 no such command or option, 130
    after Ctrl-C.

    The tabulator key completes commands and options after this line in ~/.bashrc (zsh_source in ~/.zshrc):

    \b
      eval "$(_FLOWGRAPH_COMPLETE=bash_source flowgraph)"
    """


for command in (check, mutate, render, animate, explain, gallery, play, train, predict, search, bias_variance):
    main.add_command(command)


@main.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out"),
    help="Where to write.",
    show_default=True,
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=DEFAULTS.seed,
    help="Fixes split, weights and order.",
    show_default=True,
)
@click.option(
    "--epochs", type=click.IntRange(min=1), default=DEFAULTS.epochs, help="Passes over the examples.", show_default=True
)
@click.pass_context
def demo(context: click.Context, out: Path, seed: int, epochs: int) -> None:
    """Train the lecture's network on handwritten digits, and write pictures and a report."""
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("checking gradients", total=epochs)

            def show(epoch: Epoch) -> None:
                progress.update(task, completed=epoch.number, description=f"valid error {epoch.valid_error:.1%}")

            summary = run_demo(Settings(seed=seed, epochs=epochs), out, show)
    except ImportError as missing:
        if missing.name is None:  # with a text of ours
            raise
        raise click.ClickException(f"the demo needs {missing.name}; run: {install_hint('demo')}") from missing
    except GradientError as error:
        click.echo(f"Error: {error}", err=True)
        context.exit(WRONG)
    console.print(
        f"gradients: {summary.check.comparisons} comparisons, none wrong; "
        f"a relative error above {summary.check.resolution:.0e} would have been seen"
    )
    accuracy = 1 - summary.test_error
    console.print(f"test error: {summary.test_error:.1%} (accuracy {accuracy:.1%}), after epoch {summary.best.number}")
    console.print(f"checked and trained in {summary.seconds:.1f} s")
    for path in summary.files:
        click.echo(f"wrote {path}")
