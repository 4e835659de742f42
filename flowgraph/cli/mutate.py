"""flowgraph mutate: the mutation score on the command line."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flowgraph import starting
from flowgraph.cli.ends import DONE, WRONG
from flowgraph.errors import UsageError
from flowgraph.mutation.mutants import Mutant, mutants_of, sources_of
from flowgraph.mutation.processes import Outcome
from flowgraph.mutation.score import Score, score


@click.command()
@click.argument("target")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--box", "boxes", multiple=True, help="Only of this class or function; may be given again.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds per mutant [five times a run].")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Runs at the same time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def mutate(
    context: click.Context, target: str, command: tuple[str, ...], boxes: tuple[str, ...], timeout: float | None,
    jobs: int, as_json: bool,
) -> None:  # fmt: skip
    """Break each backward pass of TARGET in turn, run COMMAND, and list the mutants that it does not see.

    Backward passes are bprop and backward of classes, functions called *_backward, *_vjp and *_bwd, and what defvjp and
    defjvp are given.

    TARGET is a module, a package or a file; COMMAND runs its tests: flowgraph mutate mypackage.boxes -- pytest tests/

    No file is changed: each mutant lives in the memory of the processes that test it. Exit code 0 if none lived, 1 if
    one did, 3 if the score could not be taken.
    """
    finished: list[Outcome] = []
    try:
        mutants = [mutant for file in sources_of(target) for mutant in mutants_of(file)]
        mutants = _of_boxes(target, mutants, boxes)
        with _ended_by_sigterm_too():
            result = _score_with_progress(mutants, command, timeout, jobs, as_json, finished)
    except KeyboardInterrupt:
        starting.ignore_interrupts()
        if finished:
            _print(Score(tuple(finished), 0.0), target, command, as_json, {"interrupted": True, "of": len(mutants)})
        starting.say("mutate: interrupted; what ran was ended, and no file was changed")
        context.exit(starting.INTERRUPTED)
    _print(result, target, command, as_json, {})
    context.exit(WRONG if result.lived else DONE)


def _print(result: Score, target: str, command: tuple[str, ...], as_json: bool, more: dict[str, Any]) -> None:
    """The score as text or as JSON, of an interrupted run too."""
    if as_json:
        named = {"target": target, "command": shlex.join(command)}
        click.echo(json.dumps({**named, **more, **result.as_dict()}, indent=2))
        return
    if more:
        click.echo(f"{len(result.outcomes)} of {more['of']} mutants were tried:")
    click.echo(_text(result))


@contextlib.contextmanager
def _ended_by_sigterm_too() -> Iterator[None]:
    """Treat SIGTERM, which CI sends, like Ctrl-C, so that no child process is left running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _of_boxes(target: str, mutants: list[Mutant], boxes: tuple[str, ...]) -> list[Mutant]:
    known = dict.fromkeys(mutant.box for mutant in mutants)
    if not known:
        raise UsageError(f"mutate: found no bprop in {target}, nor another backward pass; needs a module with one")
    unknown = [box for box in boxes if box not in known]
    if unknown:
        raise UsageError(f"mutate: found no bprop of {unknown[0]!r} in {target}; there are {', '.join(known)}")
    return [mutant for mutant in mutants if not boxes or mutant.box in boxes]


def _score_with_progress(
    mutants: list[Mutant], command: tuple[str, ...], timeout: float | None, jobs: int, quiet: bool,
    finished: list[Outcome],
) -> Score:  # fmt: skip
    """The score; each outcome is in `finished` as soon as it is known, and shown as progress."""
    console = Console(stderr=True)
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("running without a mutant", total=len(mutants))
        alive = 0

        def show(outcome: Outcome) -> None:
            nonlocal alive
            finished.append(outcome)
            alive += outcome.outcome in ("lived", "never imported")
            progress.update(task, advance=1, description=f"{alive} lived")

        return score(mutants, command, timeout, jobs, show)


def _text(result: Score) -> str:
    total = len(result.outcomes)
    lines = []
    unseen: set[Path] = set()
    for tried in result.outcomes:
        if tried.outcome == "lived":
            lines.append(f"lived: {_title(tried.mutant)}")
            lines += [f"  {line}" for line in tried.mutant.diff.splitlines()]
        elif tried.outcome == "never imported" and tried.mutant.file not in unseen:
            unseen.add(tried.mutant.file)
            lines.append(f"lived: all of {_short(tried.mutant.file)}: the command never imported it")
    lines += [f"equivalent: {_title(mutant)}" for mutant in result.equivalent]
    backwards = len({(outcome.mutant.file, outcome.mutant.backward) for outcome in result.outcomes})
    apart = f", {len(result.equivalent)} equivalent (they answer fg.check as the original does)"
    lines.append(
        f"{total} mutants of {backwards} backward pass{'es' * (backwards != 1)}: {result.killed} killed "
        f"({result.rate:.0%}), {len(result.lived)} lived{apart if result.equivalent else ''}; no file was changed"
    )
    return "\n".join(lines)


def _title(mutant: Mutant) -> str:
    return f"{_short(mutant.file)}:{mutant.line}: {mutant.backward}, {mutant.kind}"


def _short(file: Path) -> Path:
    """The path relative to the current directory, if it is inside."""
    here = Path.cwd().resolve()
    return file.relative_to(here) if file.is_relative_to(here) else file
