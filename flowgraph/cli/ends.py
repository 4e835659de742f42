"""How commands end: exit codes, which mean the same in all of them, and one line for what keeps one from its end."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click

from flowgraph import starting
from flowgraph.errors import DataError, FlowgraphError
from flowgraph.printable import printable, printable_lines, shorten_text
from flowgraph.remedies import Remedy
from flowgraph.saving.replacing import must_exist

DONE, WRONG, UNDECIDED, FAILED, MISUSED = 0, 1, 2, 3, 64
"""Done, or right; wrong, such as a gradient; undecided; not done, for what the line says; an option that is none.

64 is the code by which sysexits.h knows wrong usage. Click's own is 2, which a checker needs for "undecided".
"""


class ToRead(click.ParamType):  # type: ignore[type-arg]
    """The path of a file or folder that a command reads; a missing one is no wrong usage, but not there."""

    name = "path"

    def convert(self, value: Any, parameter: Any, context: Any) -> Any:
        """The path itself."""
        return must_exist(value)


class Heard:
    """A stream whose reader may leave, as `head` does: what is written after that is dropped, and the command goes on.

    Its work is done, its files are written, and its exit code is that of a command whose reader stayed.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        self._until_nobody_reads(partial(self._stream.write, text))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self._until_nobody_reads(self._stream.flush)

    def _until_nobody_reads(self, work: Callable[[], Any]) -> None:
        try:
            work()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Commands(click.Group):
    """The commands, with the ends that all of them have: an interrupt, and errors that are no fault of the code."""

    def main(
        self, args: Sequence[str] | None = None, prog_name: str | None = None, complete_var: str | None = None,
        standalone_mode: bool = True, **extra: Any,
    ) -> Any:  # fmt: skip
        """Run the command that the arguments name, and leave the process with its exit code."""
        starting.begin()
        if starting.COMMAND:
            sys.stdout, sys.stderr = (stream and Heard(stream) for stream in (sys.stdout, sys.stderr))  # None if closed
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode, **extra)
        try:
            code: Any = super().main(args, prog_name, complete_var, False, **extra)
        except click.ClickException as error:
            most = 250 if isinstance(error, click.UsageError) else 290  # click says in front which option it is
            error.message = _short(error.message, most)  # type: ignore[misc]
            error.show()
            code = MISUSED if isinstance(error, click.UsageError) else FAILED
        except SystemExit as end:  # of click's: a shell was told what completes
            code = FAILED if end.code else DONE
        except BaseException as error:  # of the user's code, or a mistake of ours; Python's own code would be WRONG
            at_a_prompt = isinstance(error.__cause__, EOFError)  # for which click takes each that the code raises
            if isinstance(error, click.Abort | KeyboardInterrupt) and not at_a_prompt:
                starting.say()
                code = starting.INTERRUPTED
            else:
                line = line_of(error)
                click.echo(traceback.format_exc() if line is None else f"Error: {line}", err=True)
                code = FAILED
        starting.ignore_interrupts()
        sys.exit(code if isinstance(code, int) else DONE)

    def invoke(self, context: click.Context) -> Any:
        """Run the command; what keeps it from its end is one line."""
        try:
            return super().invoke(context)
        except click.exceptions.Exit:
            raise
        except BaseException as error:
            if starting.is_interrupt(error):
                starting.say()
                context.exit(starting.INTERRUPTED)
            line = line_of(error)
            if line is None:
                raise
            raise click.ClickException(line) from error


def line_of(error: BaseException) -> str | None:
    """The text of an error for a user of a command, no line of it long; None if the traceback should be shown."""
    text = _text_of(error)
    return None if text is None else _short(text)


def _short(text: str, most: int = 290) -> str:
    return "\n".join(shorten_text(line, most) for line in printable_lines(text).split("\n"))


def _text_of(error: BaseException) -> str | None:
    if isinstance(error, DataError):
        return error.with_remedies(Remedy.as_options)
    if isinstance(error, FlowgraphError):
        return str(error)
    if isinstance(error, MemoryError):
        return "the memory of this machine does not suffice; try less at a time"
    if isinstance(error, OSError) and error.filename is not None and error.errno != errno.EPIPE:
        return printable(f"{error.filename}: {error.strerror}")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the output could not be written: no space is left on its device"
    if isinstance(error, ImportError) and error.name is None:  # with a text of ours, which names the extra
        return printable_lines(str(error))
    if isinstance(error, SystemExit):
        return printable(f"the code that was read ended the process, sys.exit({error.code!r}); nothing was found out")
    return None
