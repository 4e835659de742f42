"""The command line: `flowgraph demo`, `check`, `mutate`, `train`, `search`, `render`, `animate`, `explain`, ..."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowgraph import __version__
from flowgraph.errors import FlowgraphError, install_hint

try:
    import click
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
except ImportError as missing:
    print(f"flowgraph: the command line needs {missing.name}; run: {install_hint('cli')}", file=sys.stderr)
    sys.exit(3)  # 1 says that a gradient is wrong, 2 that it is undecided

from flowgraph import starting
from flowgraph.checking import GradientError
from flowgraph.cli.bias_variance import bias_variance
from flowgraph.cli.check import check
from flowgraph.cli.mutate import mutate
from flowgraph.cli.play import play
from flowgraph.cli.predict import predict
from flowgraph.cli.render import animate, explain, gallery, render
from flowgraph.cli.search import search
from flowgraph.cli.train import train
from flowgraph.demo import Settings, run_demo
from flowgraph.printable import printable
from flowgraph.training import Epoch

DEFAULTS = Settings()


class Commands(click.Group):
    """The commands, with the ends that all of them have: an interrupt, and errors that are no fault of the code."""

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, complete_var: str | None = None,
        standalone_mode: bool = True, **extra: Any,
    ) -> Any:  # fmt: skip
        """Run the command that the arguments name, and leave the process with its exit code."""
        starting.begin()
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        try:
            code: Any = super().main(args, prog_name, complete_var, False, **extra)
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except (click.Abort, KeyboardInterrupt):
            starting.say()
            code = starting.INTERRUPTED
        starting.ignore_interrupts()
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, context: click.Context) -> Any:
        """Run the command; what keeps it from its end is one line."""
        try:
            return super().invoke(context)
        except click.exceptions.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            if starting.is_interrupt(error):
                starting.say()
                context.exit(starting.INTERRUPTED)
            line = _line_of(error)
            if line is None:
                raise
            raise click.ClickException(line) from error


def _line_of(error: BaseException) -> str | None:
    """The text of an error for a user of a command, None if the traceback should be shown."""
    if isinstance(error, FlowgraphError):
        return str(error)
    if isinstance(error, MemoryError):
        return "the memory of this machine does not suffice; try less at a time"
    if isinstance(error, OSError) and error.filename is not None and error.errno != errno.EPIPE:
        return printable(f"{error.filename}: {error.strerror}")
    return None


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="flowgraph")
def main() -> None:
    """Modular flow graphs with fprop and bprop, on NumPy."""


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
def demo(out: Path, seed: int, epochs: int) -> None:
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
        raise click.ClickException(f"the demo needs {missing.name}; run: {install_hint('demo')}") from missing
    except (FlowgraphError, GradientError) as error:
        raise click.ClickException(str(error)) from error
    console.print(
        f"gradients: {summary.check.comparisons} comparisons, none wrong; "
        f"a relative error above {summary.check.resolution:.0e} would have been seen"
    )
    accuracy = 1 - summary.test_error
    console.print(f"test error: {summary.test_error:.1%} (accuracy {accuracy:.1%}), after epoch {summary.best.number}")
    console.print(f"checked and trained in {summary.seconds:.1f} s")
    for path in summary.files:
        click.echo(f"wrote {path}")
